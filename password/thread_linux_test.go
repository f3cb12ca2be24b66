package password

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// niceOf returns the nice value of a thread from its stat file (proc_pid_stat(5)), or ended if the thread has ended.
func niceOf(t *testing.T, stat, ended string) string {
	t.Helper()
	text, err := os.ReadFile(stat)
	// The thread has ended, before or after the file was opened.
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return ended
	}
	require.NoError(t, err)
	_, fields, _ := strings.Cut(string(text), ") ")
	return strings.Fields(fields)[16]
}

// niceOfProcess returns the nice value with which the tests were started. The calling thread has it, unlike the first
// one, which may have run a hash. getpriority(2) returns 20 minus the value.
func niceOfProcess(t *testing.T) string {
	t.Helper()
	priority, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	require.NoError(t, err)
	return fmt.Sprint(20 - priority)
}

// TestHashesHaveLowPriority also checks that no other thread inherits the priority. It may itself run under nice(1).
func TestHashesHaveLowPriority(t *testing.T) {
	low, usual := fmt.Sprint(hashNice), niceOfProcess(t)
	for range 20 {
		onOwnThread(func() {
			require.Equal(t, low, niceOf(t, fmt.Sprintf("/proc/self/task/%d/stat", syscall.Gettid()), ""))
		})
	}
	require.Eventually(t, func() bool { // threads take a moment to end
		stats, err := filepath.Glob("/proc/self/task/*/stat")
		require.NoError(t, err)
		// The runtime never ends the first thread, which may have run a hash. It sleeps forever after that.
		own := fmt.Sprintf("/%d/stat", os.Getpid())
		return len(stats) > 0 && !slices.ContainsFunc(stats,
			func(stat string) bool { return niceOf(t, stat, usual) != usual && !strings.HasSuffix(stat, own) })
	}, 10*time.Second, time.Millisecond)
}

func TestPanicOfAHashReachesItsCaller(t *testing.T) {
	require.PanicsWithValue(t, "broken", func() { onOwnThread(func() { panic("broken") }) })
}
