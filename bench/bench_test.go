package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets the program call itself to measure a unit, as it does when it is not a test.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "-sign" || os.Args[1] == "-hash") {
		main()
		return
	}
	os.Exit(m.Run())
}

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

func TestOptions(t *testing.T) {
	for _, arguments := range [][]string{
		{"-seconds", "0"}, {"-seconds", "NaN"}, {"-runs", "0"}, {"-connections", "0"}, {"-only", "jwks,"}, {"-only", "none"}, {"rest"},
	} {
		_, err := parseOptions(arguments, io.Discard)
		require.Error(t, err, "%v", arguments)
	}
	o, err := parseOptions(nil, io.Discard)
	require.NoError(t, err)
	require.Equal(t, 5*time.Second, o.duration())
	require.Equal(t, time.Second, o.warmUp())
}

func TestCheckTokenRefuses(t *testing.T) {
	for _, token := range []string{"", "a.b", "e30.e30.", "eyJhbGciOiJub25lIn0.e30.", "!.!.!"} {
		require.Error(t, checkToken(token, nil), "%q", token)
	}
}

// TestShortRun measures everything for an instant: the figures mean nothing, but every part has worked.
func TestShortRun(t *testing.T) {
	if testing.Short() {
		t.Skip("builds lingpai and runs it")
	}
	raw := filepath.Join(t.TempDir(), "raw.json")
	var table bytes.Buffer
	require.NoError(t, run([]string{"-seconds", "0.3", "-runs", "1", "-connections", "2", "-json", raw}, &table, t.Output()))
	text, err := os.ReadFile(raw)
	require.NoError(t, err)
	var measured result
	require.NoError(t, json.Unmarshal(text, &measured))
	require.Len(t, measured.Runs, 1)
	require.Positive(t, measured.Runs[0].Signature.Count)
	for _, name := range workloadNames() {
		p := measured.Runs[0].Phases[name]
		require.Positive(t, p.Answered, name)
		require.Zero(t, p.Failed, p.FirstFailure)
		require.Contains(t, table.String(), name)
	}
	refreshed := measured.Runs[0].Phases[refreshName]
	require.Equal(t, refreshed.Before.Sessions, refreshed.After.Sessions, "a refresh opens no session")
	require.Positive(t, refreshed.Before.Sessions)
}
