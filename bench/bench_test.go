package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// long makes every part take its usual time: servers start as often, and settle as long before their memory is read,
// as in a real run.
var long = flag.Bool("long", false, "start servers as often, and let them settle as long, as a real run does")

// shared is the folder of programs that several tests use.
var shared string

// TestMain lets the test program call itself to measure a unit, like the real one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{"-sign", "-sign-library", "-hash"}, os.Args[1]) {
		main()
		return
	}
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // with -race each child would sleep for a second at its end
	flag.Parse()
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	var err error
	if shared, err = os.MkdirTemp("", "lingpai-bench-test-"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(shared)
	return m.Run()
}

// builtPrograms builds the measured programs once for all tests.
var builtPrograms = sync.OnceValues(func() ([]program, error) {
	return buildPrograms(context.Background(), options{signers: withLibrary()}, shared)
})

func TestOptions(t *testing.T) {
	for _, arguments := range [][]string{
		{"-seconds", "0"}, {"-seconds", "NaN"}, {"-runs", "0"}, {"-connections", "0"}, {"-connections", "8,65"},
		{"-flood", "-connections", "1,8"}, {"-only", "jwks,"}, {"-only", "none"}, {"rest"},
		{"-store", "none"}, {"-growth", "-crowd"}, {"-growth", "-flood"}, {"-signers", "-crowd"},
		{"-signers", "-plot", "x.svg"}, {"-sessions", ""}, {"-sessions", "1000,x"}, {"-growth", "-sessions", "15"},
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

// TestLibrarySignature makes a signature with the library of this build, if any.
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

// short measures for a very short time, to test every part; the figures mean nothing.
func short(t *testing.T, arguments ...string) (result, string) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds lingpai and runs it")
	}
	raw := filepath.Join(t.TempDir(), "raw.json")
	o, err := parseOptions(append([]string{"-seconds", "0.2", "-runs", "1", "-connections", "2", "-json", raw},
		arguments...), t.Output())
	require.NoError(t, err)
	if !*long {
		o.starts, o.settling = 1, 0
		o.built, err = builtPrograms()
		require.NoError(t, err)
		if !o.signers {
			o.built = o.built[:1]
		}
	}
	var table bytes.Buffer
	require.NoError(t, o.run(&table, t.Output()))
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

// stores returns the value of -store for the available stores, and their number. It logs a line if PostgreSQL or
// Redis is missing.
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
	require.ErrorIs(t, err, io.EOF, "it is complete XML")
	require.Equal(t, count*(len(workloadNames())-1), strings.Count(string(drawn), "<rect x="),
		"a bar for each except passwords")
	require.Len(t, measured.Runs[0].Phases, count*len(workloadNames()))
	require.Len(t, measured.Servers, count)
	for _, name := range workloadNames() {
		require.Contains(t, table, name)
	}
}

func TestGrowth(t *testing.T) {
	kinds, count := stores(t)
	measured, _ := short(t, "-store", kinds, "-growth", "-sessions", "120,20")
	require.Len(t, measured.Servers, count*2)
	for n, h := range measured.Servers {
		require.EqualValues(t, []int{20, 120}[n%2], h.Sessions, h.Store)
		require.Positive(t, h.SessionBytes, h.Store)
	}
}

func TestCrowd(t *testing.T) {
	kind, count := stores(t)
	if count > 1 {
		kind = postgresqlName // SQLite does not share connections
	}
	measured, _ := short(t, "-store", kind, "-crowd")
	require.Len(t, measured.Runs[0].Phases, 6)
	for _, p := range measured.Runs[0].Phases {
		require.Positive(t, p.Slowest, p.subject)
		require.GreaterOrEqual(t, p.Slowest, p.P99, p.subject)
	}
}

func TestSigners(t *testing.T) {
	if !withLibrary() {
		_, err := parseOptions([]string{"-signers"}, io.Discard)
		require.ErrorContains(t, err, "-tags openssl")
		return
	}
	measured, table := short(t, "-signers", "-only", "client_credentials,refresh_token")
	require.Len(t, measured.Servers, 2)
	require.Len(t, measured.Runs[0].Phases, 4)
	for n, p := range measured.Runs[0].Phases {
		require.Equal(t, n%2 == 1, p.Signer == goSigner, "the signers alternate")
	}
	require.Contains(t, table, "÷ Go's")
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
	_, err = s.readState(t.Context())
	require.Error(t, err)
	again, err := openRedis(t.Context(), s.name)
	require.NoError(t, err)
	require.Zero(t, again.client.Exists(t.Context(), s.redis.prefix+"x").Val())
	require.NoError(t, again.remove())
}
