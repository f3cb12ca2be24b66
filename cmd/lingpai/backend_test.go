package main

import (
	"path/filepath"
	"strings"
	"testing"

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
	checks := readiness(config{}, database, volatile, hasFallenBack)(t.Context())
	require.Contains(t, checks, provider.ReadyCheck{Name: "signatures", OK: true, Note: fallenBack})
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
