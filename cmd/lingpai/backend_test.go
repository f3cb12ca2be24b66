package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/storage/sql"
)

const fallenBack = "go, since openssl 3.0.22 failed: it made a signature that does not verify"

func hasFallenBack() string { return fallenBack }

// TestReadinessTellsThatGoSignsInstead, and goes on sending requests here: they are answered.
func TestReadinessTellsThatGoSignsInstead(t *testing.T) {
	o := migrated(t)
	database, err := sql.Open(t.Context(), sql.Options{URL: "sqlite:" + filepath.Join(o.folder, "lingpai.db")})
	require.NoError(t, err)
	defer database.Close()
	volatile, err := openVolatile(config{})
	require.NoError(t, err)
	defer volatile.Close()
	checks := readiness(config{}, database, volatile, readAgo(0))(t.Context())
	require.Contains(t, checks, provider.ReadyCheck{Name: "signatures", OK: true, Note: fallenBack})
}

// readAgo is keys that were read so long ago.
type readAgo time.Duration

func (readAgo) Backend() string      { return fallenBack }
func (a readAgo) Age() time.Duration { return time.Duration(a) }

// TestReadinessEndsWhenTheKeysCannotBeRead, as by a server that a change of master keys has left behind:
// others sign with keys that it does not know, and a stolen one is still its own.
func TestReadinessEndsWhenTheKeysCannotBeRead(t *testing.T) {
	for announce, limit := range map[time.Duration]time.Duration{24 * time.Hour: 5 * time.Minute,
		2 * time.Minute: time.Minute, 5 * time.Second: 30 * time.Second} {
		c := config{KeyAnnounce: announce}
		require.True(t, signatures(c, readAgo(limit)).OK, announce)
		late := signatures(c, readAgo(limit+time.Second))
		require.False(t, late.OK, announce)
		require.Contains(t, late.Note, "the keys could not be read for "+(limit+time.Second).String())
	}
}

// nothingSigns is keys of which the one in use was revoked, and no other opens.
type nothingSigns struct{ readAgo }

func (nothingSigns) Backend() string { return "" }

func TestReadinessEndsWhenNothingSigns(t *testing.T) {
	check := signatures(config{KeyAnnounce: time.Hour}, nothingSigns{})
	require.False(t, check.OK)
	require.Contains(t, check.Note, "the key in use was revoked")
}

func TestMetricsTellThatGoSignsInstead(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(signingBackend(hasFallenBack)))
	families, err := registry.Gather()
	require.NoError(t, err)
	require.Len(t, families, 1)
	require.Equal(t, "lingpai_signing_backend", families[0].GetName())
	require.Equal(t, fallenBack, families[0].GetMetric()[0].GetLabel()[0].GetValue())
}

func TestDoctorWarnsThatGoWouldSignInstead(t *testing.T) {
	d := newDoctor(examiningCommand(t))
	d.report.check = "keys"
	d.warnOfBackend("openssl 3.0.22", "openssl 3.0.22")
	require.Empty(t, d.report.findings)
	d.warnOfBackend(fallenBack, "openssl 3.0.22")
	require.Len(t, d.report.findings, 1)
	require.Equal(t, statusWarning, d.report.findings[0].Status)
	require.True(t, strings.HasSuffix(d.report.findings[0].Found, fallenBack))
	require.Contains(t, d.report.findings[0].Advice, "OpenSSL")
}
