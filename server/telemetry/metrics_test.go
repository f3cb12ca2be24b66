package telemetry

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

const fallenBack = "go, since openssl 3.0.22 failed: it made a signature that does not verify"

func hasFallenBack() string { return fallenBack }

func TestMetricsShowThatGoSignsInstead(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(signingBackend(hasFallenBack)))
	families, err := registry.Gather()
	require.NoError(t, err)
	require.Len(t, families, 1)
	require.Equal(t, "lingpai_signing_backend", families[0].GetName())
	require.Equal(t, fallenBack, families[0].GetMetric()[0].GetLabel()[0].GetValue())
}
