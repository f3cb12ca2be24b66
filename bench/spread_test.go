package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMedian(t *testing.T) {
	require.Equal(t, 3.0, median([]float64{3}))
	require.Equal(t, 2.5, median([]float64{1, 2, 3, 9}))
	require.Equal(t, 2.0, median([]float64{1, 2, 9}))
}

func TestSpread(t *testing.T) {
	values := []float64{5, 1, 3}
	require.Equal(t, spread{median: 3, lowest: 1, highest: 5, sum: 9, count: 3}, spreadOf(values))
	require.Equal(t, []float64{5, 1, 3}, values, "the values keep their order")
	require.Equal(t, "3.0 [1.0–5.0]", spreadOf(values).text(1))
	require.Equal(t, "7", spreadOf([]float64{7}).text(0))
	require.Zero(t, spreadOf(nil))
}

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for n := range 100 {
		hundred = append(hundred, time.Duration(n+1))
	}
	for percent, want := range map[int]time.Duration{0: 1, 1: 1, 50: 50, 99: 99, 100: 100} {
		require.Equal(t, want, percentile(hundred, percent), "%d", percent)
	}
	require.Equal(t, time.Duration(7), percentile([]time.Duration{7}, 99))
	require.Equal(t, time.Duration(9), percentile([]time.Duration{7, 8, 9}, 99))
	require.Zero(t, percentile(nil, 50))
}
