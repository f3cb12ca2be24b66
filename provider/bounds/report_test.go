package bounds

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/internal/shares"
)

// counts counts what was shed, by resource.
type counts map[string]int

func (c counts) Shed(resource string) { c[resource]++ }

// TestReportLogsOnceAMinute for each resource, with how many there were since, and counts each.
func TestReportLogsOnceAMinute(t *testing.T) {
	var log bytes.Buffer
	now, counted := time.Unix(1_000_000_000, 0), counts{}
	report := NewReport(counted, slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now })
	shed := func(resource string) string {
		log.Reset()
		report.shed(resource, "too many", netip.MustParsePrefix("192.0.2.0/24"))
		return log.String()
	}
	first := shed(resourceConnections)
	require.Contains(t, first, "level=WARN")
	require.Contains(t, first, "times=1 last_network=192.0.2.0/24")
	require.NotEmpty(t, shed(resourceOpenFiles))
	for range 59 {
		now = now.Add(time.Second)
		require.Empty(t, shed(resourceConnections))
	}
	now = now.Add(time.Second)
	require.Contains(t, shed(resourceConnections), "times=60")
	require.Equal(t, counts{resourceConnections: 61, resourceOpenFiles: 1}, counted)
}

// exhausted is a listener that cannot accept until a file is closed.
type exhausted struct {
	net.Listener
	errs []error
}

func (l *exhausted) Accept() (net.Conn, error) {
	if len(l.errs) == 0 {
		server, _ := net.Pipe()
		return server, nil
	}
	err := l.errs[0]
	l.errs = l.errs[1:]
	return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", err)}
}

// TestTooManyOpenFilesAreReported, and a connection makes room for the next.
func TestTooManyOpenFilesAreReported(t *testing.T) {
	for _, exhaustion := range []error{syscall.EMFILE, syscall.ENFILE} {
		var log bytes.Buffer
		counted := counts{}
		c := NewConnections(10, nil, NewReport(counted, slog.New(slog.NewTextHandler(&log, nil)), time.Now))
		listener := boundListener{&exhausted{errs: []error{exhaustion, exhaustion}}, c}
		_, err := listener.Accept()
		require.ErrorIs(t, err, exhaustion, "nothing can be closed")
		oldest, _ := net.Pipe()
		go func() { _, _ = oldest.Read(make([]byte, 1)) }()
		held := c.admit(oldest).(*connection)
		held.change(shares.Idle)
		_, err = listener.Accept()
		require.NoError(t, err)
		_, err = oldest.Write([]byte("x"))
		require.True(t, errors.Is(err, net.ErrClosed) || err != nil)
		require.EqualValues(t, 1, c.Total())
		require.Equal(t, 2, counted[resourceOpenFiles])
		require.Equal(t, 1, strings.Count(log.String(), "too many open files"))
	}
}
