package doctor

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func TestDoctorReportsUnprotectedConnections(t *testing.T) {
	for server, want := range map[identity.Secret]string{
		"":                            "",
		"sqlite:lingpai.db":           "",
		"postgres://u:p@127.0.0.1/db": "",
		"redis://localhost:6379":      "",
		"unix:///run/redis.sock":      "",
		"postgres://u:p@db/x?sslmode=verify-full":              "",
		"postgres://u:p@db/x?sslmode=verify-ca":                "",
		"rediss://cache.example.com":                           "",
		"postgres://u:p@db/x?sslmode=disable":                  "may be unencrypted",
		"postgres://localhost/x?host=db&sslmode=disable":       "may be unencrypted",
		"postgres://localhost,db/x?sslmode=disable":            "may be unencrypted",
		"postgres://[::1]:1,[2001:db8::1]:1/x?sslmode=require": "certificate is not verified",
		"postgres://db/x?host=/run/postgresql&sslmode=disable": "",
		"postgres://%2Frun%2Fpostgresql/x?sslmode=disable":     "",
		"postgres://u:p@db/x?sslmode=prefer":                   "may be unencrypted",
		"redis://:p@cache.example.com":                         "may be unencrypted",
		"postgres://u:p@db/x?sslmode=require":                  "certificate is not verified",
		"rediss://cache?skip_verify=true":                      "certificate is not verified",
	} {
		if want == "" {
			require.Empty(t, unprotected(server), "%q", server.Reveal())
			continue
		}
		require.Contains(t, unprotected(server), want, "%q", server.Reveal())
	}
}
