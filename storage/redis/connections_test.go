package redis_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/dbtest"
)

func TestASocketAndADatabase(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "redis.sock")
	server := dbtest.RestartableRedis(t, "--unixsocket", socket)
	third := open(t, "unix://"+socket+"?db=3", "")
	require.NoError(t, third.Put(t.Context(), "key", []byte("value"), time.Hour))
	value, err := open(t, server.URL()+"/3", "").Get(t.Context(), "key")
	require.NoError(t, err)
	require.Equal(t, "value", string(value))
	_, err = open(t, server.URL(), "").Get(t.Context(), "key")
	require.ErrorIs(t, err, identity.ErrNotFound)
}

func TestAPassword(t *testing.T) {
	server := dbtest.RestartableRedis(t)
	require.NoError(t, dial(t, server.URL()).ConfigSet(t.Context(), "requirepass", "the/password").Err())
	require.NoError(t, open(t, "redis://:the%2Fpassword@"+server.Address(), "").Ping(t.Context()))
	require.NoError(t, open(t, "redis://default:the%2Fpassword@"+server.Address(), "").Ping(t.Context()))
	for user, code := range map[string]string{"": "NOAUTH", ":another%2Fpassword@": "WRONGPASS",
		"other:the%2Fpassword@": "WRONGPASS"} {
		err := open(t, "redis://"+user+server.Address(), "").Ping(t.Context())
		require.ErrorContains(t, err, code)
		require.NotContains(t, err.Error(), "/password")
	}
}

func TestTLS(t *testing.T) {
	url := "rediss://" + encrypt(t, dbtest.RestartableRedis(t).Address())
	requireWorks(t, open(t, url+"?skip_verify=true", ""))
	require.ErrorContains(t, open(t, url, "").Ping(t.Context()), "certificate")
}

// encrypt starts a TLS proxy for a server, with a certificate that clients do not trust.
func encrypt(t *testing.T, server string) string {
	t.Helper()
	known := httptest.NewTLSServer(nil)
	defer known.Close()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: known.TLS.Certificates})
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			outside, err := listener.Accept()
			if err != nil {
				return
			}
			inside, err := net.Dial("tcp", server)
			if err != nil {
				_ = outside.Close()
				return
			}
			go pass(inside, outside)
			go pass(outside, inside)
		}
	}()
	return listener.Addr().String()
}

func pass(to, from net.Conn) {
	defer to.Close()
	_, _ = io.Copy(to, from)
}
