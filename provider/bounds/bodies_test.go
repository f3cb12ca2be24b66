package bounds

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hurried is a connection that loses a body, if one may be shed, at the moment when its deadline is set.
type hurried struct {
	net.Conn
	bodies   *Bodies
	shed     bool
	deadline time.Time
}

func (h *hurried) SetReadDeadline(deadline time.Time) error {
	if h.bodies.shares.ShedOne() {
		h.shed = true
	}
	h.deadline = deadline
	return nil
}

// Read reads a byte, until the deadline.
func (h *hurried) Read(p []byte) (int, error) {
	if h.deadline.Before(time.Now()) {
		return 0, os.ErrDeadlineExceeded
	}
	return copy(p, "a"), nil
}

// TestABodyThatIsShedIsNotAwaited, even if it is shed before it is read: the deadline to read it must not replace the
// one that ends it.
func TestABodyThatIsShedIsNotAwaited(t *testing.T) {
	report := NewReport(nobody{}, slog.New(slog.DiscardHandler), time.Now)
	bodies, connections := NewBodies(8, report), NewConnections(8, nil, report)
	conn := &hurried{bodies: bodies}
	within := &connection{Conn: conn, bound: connections}
	within.claim.Holder = within
	require.True(t, connections.shares.Take(&within.claim, netip.Prefix{}, 1))
	r, err := http.NewRequestWithContext(context.WithValue(t.Context(), connectionKey{}, within), http.MethodPost, "/",
		io.LimitReader(conn, 5))
	require.NoError(t, err)
	r.ContentLength = 5
	body, err := bodies.Read(r, netip.MustParseAddr("192.0.2.1"), 10)
	if conn.shed {
		require.ErrorIs(t, err, ErrFull)
		require.True(t, conn.deadline.Before(time.Now()), "it was awaited until %s", conn.deadline)
		return
	}
	require.NoError(t, err)
	require.Equal(t, "aaaaa", string(TakeBody(&http.Request{Body: body})))
}
