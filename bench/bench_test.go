package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets the program call itself to measure a unit, as it does when it is not a test.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{"-sign", "-sign-library", "-hash"}, os.Args[1]) {
		main()
		return
	}
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // with -race each of those would sleep for a second when it has ended
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
		{"-seconds", "0"}, {"-seconds", "NaN"}, {"-runs", "0"}, {"-connections", "0"}, {"-connections", "8,65"}, {"-flood", "-connections", "1,8"}, {"-only", "jwks,"}, {"-only", "none"}, {"rest"},
		{"-store", "none"}, {"-growth", "-crowd"}, {"-growth", "-flood"}, {"-sessions", ""}, {"-sessions", "1000,x"}, {"-growth", "-sessions", "15"},
	} {
		_, err := parseOptions(arguments, io.Discard)
		require.Error(t, err, "%v", arguments)
	}
	o, err := parseOptions(nil, io.Discard)
	require.NoError(t, err)
	require.Equal(t, 5*time.Second, o.duration())
	require.Equal(t, time.Second, o.warmUp())
	require.Equal(t, []int{1000, 10_000, 100_000}, o.sizes)
}

func TestParseSpeed(t *testing.T) {
	speed, err := parseSpeed("+DTP:2048:private:rsa:1\n+R1:3934:2048:1.00\n+F2:2:2048:4000.0:61576.7\n")
	require.NoError(t, err)
	require.InDelta(t, 250, speed, 1e-9)
	for _, text := range []string{"", "+F2:2:2048\n", "+F2:2:2048:x:y\n"} {
		_, err := parseSpeed(text)
		require.Error(t, err, "%q", text)
	}
}

// TestLibrarySignature is a signature of this build, whichever that is.
func TestLibrarySignature(t *testing.T) {
	sign, err := librarySignature()
	require.NoError(t, err)
	require.NoError(t, sign())
}

func TestCheckTokenRefuses(t *testing.T) {
	for _, token := range []string{"", "a.b", "e30.e30.", "eyJhbGciOiJub25lIn0.e30.", "!.!.!"} {
		require.Error(t, checkToken(token, nil), "%q", token)
	}
}

// short measures for an instant: the figures mean nothing, but every part has worked.
func short(t *testing.T, arguments ...string) (result, string) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds lingpai and runs it")
	}
	raw := filepath.Join(t.TempDir(), "raw.json")
	var table bytes.Buffer
	require.NoError(t, run(append([]string{"-seconds", "0.2", "-runs", "1", "-connections", "2", "-json", raw}, arguments...), &table, t.Output()))
	text, err := os.ReadFile(raw)
	require.NoError(t, err)
	var measured result
	require.NoError(t, json.Unmarshal(text, &measured))
	require.Len(t, measured.Runs, 1)
	require.Positive(t, measured.Runs[0].Signature.Count)
	for _, p := range measured.Runs[0].Phases {
		require.Positive(t, p.Answered, p.subject)
		require.Contains(t, table.String(), p.Workload)
	}
	t.Log(table.String())
	return measured, table.String()
}

// stores is -store for what is there, and how many that are. Where PostgreSQL or Redis is missing, one line tells of it.
func stores(t *testing.T) (string, int) {
	t.Helper()
	s, err := openPostgreSQL(t.Context(), cores{})
	if err == nil {
		require.NoError(t, s.remove())
		return allName, 2
	}
	require.NotEqual(t, "true", os.Getenv("CI"), err)
	t.Log("NOT RUN over PostgreSQL:", err)
	return sqliteName, 1
}

func TestWorkloads(t *testing.T) {
	kinds, count := stores(t)
	plot := filepath.Join(t.TempDir(), "plot.svg")
	measured, table := short(t, "-store", kinds, "-plot", plot)
	drawn, err := os.ReadFile(plot)
	require.NoError(t, err)
	for parts := xml.NewDecoder(bytes.NewReader(drawn)); err == nil; _, err = parts.Token() {
	}
	require.ErrorIs(t, err, io.EOF, "it is XML to its end")
	require.Equal(t, count*(len(workloadNames())-1), strings.Count(string(drawn), "<rect x="), "a bar for each but passwords")
	require.Len(t, measured.Runs[0].Phases, count*len(workloadNames()))
	require.Len(t, measured.Houses, count)
	for _, name := range workloadNames() {
		require.Contains(t, table, name)
	}
}

func TestGrowth(t *testing.T) {
	kinds, count := stores(t)
	measured, _ := short(t, "-store", kinds, "-growth", "-sessions", "120,20")
	require.Len(t, measured.Houses, count*2)
	for n, h := range measured.Houses {
		require.EqualValues(t, []int{20, 120}[n%2], h.Sessions, h.Store)
		require.Positive(t, h.SessionBytes, h.Store)
	}
}

func TestCrowd(t *testing.T) {
	kind, count := stores(t)
	if count > 1 {
		kind = postgresqlName // SQLite's connections are not for a crowd to share
	}
	measured, _ := short(t, "-store", kind, "-crowd")
	require.Len(t, measured.Runs[0].Phases, 6)
	for _, p := range measured.Runs[0].Phases {
		require.Positive(t, p.Slowest, p.subject)
		require.GreaterOrEqual(t, p.Slowest, p.P99, p.subject)
	}
}

func TestFlood(t *testing.T) {
	measured, table := short(t, "-flood")
	require.Len(t, measured.Runs[0].Phases, 2)
	require.Contains(t, table, "p99 ÷ quiet")
	require.Positive(t, measured.Runs[0].Hash.Count)
}

func TestNothingIsLeftBehind(t *testing.T) {
	if kinds, _ := stores(t); kinds == sqliteName {
		t.Skip("NOT RUN: there is no PostgreSQL")
	}
	opened, err := openPostgreSQL(t.Context(), cores{})
	require.NoError(t, err)
	s := opened.(*postgresqlStore)
	require.NoError(t, s.redis.client.Set(t.Context(), s.redis.prefix+"x", "", time.Minute).Err())
	require.NoError(t, s.remove())
	_, err = s.look(t.Context())
	require.Error(t, err)
	again, err := openRedis(t.Context(), s.name)
	require.NoError(t, err)
	require.Zero(t, again.client.Exists(t.Context(), s.redis.prefix+"x").Val())
	require.NoError(t, again.remove())
}
