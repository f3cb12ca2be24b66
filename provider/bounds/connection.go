package bounds

import (
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/lingpai/lingpai/internal/shares"
)

// connection is a connection within a bound. It waits until the first request, is idle while it does no work that
// would be lost, waits again while a body is read, and works from then on, or from [Works], until the response is
// written.
type connection struct {
	net.Conn
	bound   *Connections
	network netip.Prefix
	claim   shares.Claim
	unread  bool // the request may have a body that was not read; only net/http's goroutine uses it
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.bound.shares.Release(&c.claim)
	return c.Conn.Close()
}

// CloseWrite lets net/http close a connection without resetting it.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// changed follows net/http: a connection is active from the end of a request's header to the end of the response.
func (c *connection) changed(to http.ConnState) {
	switch to {
	case http.StateActive:
		c.unread = true
		c.change(shares.Idle)
	case http.StateIdle:
		c.change(shares.Idle)
	}
}

// change reports false if the connection was shed.
func (c *connection) change(to shares.State) bool { return c.bound.shares.Change(&c.claim, to, 1) }

// Shed implements shares.Holder.
func (c *connection) Shed() {
	c.bound.reportShed(c.network)
	if c.claim.State() == shares.Waiting { // the client takes this for the answer to the request that it is sending
		tellOverloaded(c.Conn)
	}
	_ = c.Conn.Close()
}

type connectionKey struct{}

// connectionOf returns the connection of a request, or nil if it is not within a bound.
func connectionOf(r *http.Request) *connection {
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	return c
}

// Works keeps the connection of a request until it is answered, since the work would be lost.
func Works(r *http.Request) {
	if c := connectionOf(r); c != nil {
		c.change(shares.Working)
	}
}

// awaitBody lets the connection be shed, with an answer, while the body of a request is read, until a deadline. A nil
// connection is not within a bound.
func (c *connection) awaitBody(until time.Time) {
	if c != nil {
		c.change(shares.Waiting)
		_ = c.SetReadDeadline(until)
	}
}

// hasBody ends awaitBody. It reports false if the connection was shed.
func (c *connection) hasBody() bool {
	if c == nil {
		return true
	}
	c.unread = false
	return c.change(shares.Working)
}

// givingUpBodies returns a handler that waits only briefly for a body that next did not read. net/http would read the
// rest of it for as long as it may take to come.
func givingUpBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		if c := connectionOf(r); r.ContentLength != 0 && c != nil && c.unread {
			c.change(shares.Idle)
			_ = c.SetReadDeadline(time.Now().Add(lingerTime))
		}
	})
}
