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

// niceOf is the priority of a thread, as the kernel tells of it (proc_pid_stat(5)).
func niceOf(t *testing.T, stat string) string {
	t.Helper()
	text, err := os.ReadFile(stat)
	// it has ended meanwhile, before or after it was opened
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return "0"
	}
	require.NoError(t, err)
	_, behind, _ := strings.Cut(string(text), ") ")
	return strings.Fields(behind)[16]
}

// TestHashesGiveWay: the thread of a hash has a lower priority, and no other thread has inherited that.
func TestHashesGiveWay(t *testing.T) {
	for range 20 {
		onOwnThread(func() {
			require.Equal(t, fmt.Sprint(hashNice), niceOf(t, fmt.Sprintf("/proc/self/task/%d/stat", syscall.Gettid())))
		})
	}
	require.Eventually(t, func() bool { // threads take a moment to end
		stats, err := filepath.Glob("/proc/self/task/*/stat")
		require.NoError(t, err)
		// of the first thread, which the runtime never ends: it sleeps for good once a hash was its last work
		own := fmt.Sprintf("/%d/stat", os.Getpid())
		return len(stats) > 0 && !slices.ContainsFunc(stats,
			func(stat string) bool { return niceOf(t, stat) != "0" && !strings.HasSuffix(stat, own) })
	}, 10*time.Second, time.Millisecond)
}

func TestAPanicOfAHashIsItsCallers(t *testing.T) {
	require.PanicsWithValue(t, "broken", func() { onOwnThread(func() { panic("broken") }) })
}
