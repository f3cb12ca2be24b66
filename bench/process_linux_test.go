package main

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	const rest = " S 1 42 42 0 -1 4194560 900 0 0 0 123 45 6 7 20 0 9 0 1000 1200000 300"
	for _, name := range []string{"(lingpai)", "(a b)", "(a) b)", "()"} {
		ticks, err := parseStat([]byte("42 " + name + rest))
		require.NoError(t, err)
		require.EqualValues(t, 168, ticks, name)
	}
	for _, text := range []string{"", "42 (x) S 1", "42 (x) S 1 2 3 4 5 6 7 8 9 10 eleven 12 13"} {
		_, err := parseStat([]byte(text))
		require.Error(t, err, text)
	}
}

func TestParseKilobytes(t *testing.T) {
	text := []byte("Name:\tlingpai\nVmHWM:\t  2048 kB\nVmRSS:\t    1 kB\nThreads:\t9\n")
	require.EqualValues(t, 1<<10, parseKilobytes(text, "VmRSS"))
	require.EqualValues(t, 2<<20, parseKilobytes(text, "VmHWM"))
	require.Zero(t, parseKilobytes(text, "Threads"), "has no unit")
	require.Zero(t, parseKilobytes(text, "VmSwap"))
}

func TestParseCores(t *testing.T) {
	require.Equal(t, []int{0, 1, 2, 7}, parseCores("0-2,7"))
	require.Equal(t, []int{3}, parseCores("3"))
	require.Empty(t, parseCores(""))
	require.Empty(t, parseCores("0-x"))
}

func TestCPUTimeGrowsWithWork(t *testing.T) {
	before, known := cpuTime(os.Getpid())
	require.True(t, known)
	for start := time.Now(); time.Since(start) < 5*time.Second; {
		if after, _ := cpuTime(os.Getpid()); after > before {
			require.Positive(t, residentMemory(os.Getpid()).Now)
			return
		}
	}
	t.Fatal("no CPU was used in five seconds of work")
}
