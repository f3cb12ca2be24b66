//go:build unix

package main

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// awaitRead waits until a process has read everything that was written to its pipe.
func awaitRead(t *testing.T, pipe *os.File) {
	t.Helper()
	raw, err := pipe.SyscallConn()
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		ready := -1
		require.NoError(t, raw.Control(func(fd uintptr) {
			ready, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		}))
		return err == nil && ready == 0
	}, patience, time.Millisecond)
}
