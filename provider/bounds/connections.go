package bounds

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/lingpai/lingpai/internal/shares"
	"github.com/lingpai/lingpai/limits"
)

const (
	// maxLingering limits the refused connections that stay open until their clients have read why.
	maxLingering = 64
	lingerTime   = 500 * time.Millisecond
	// tellTime is how long the refusal may take to be written. There is usually room for it, so it takes no time.
	tellTime = 20 * time.Millisecond
	// maxUnread is how much of a refused request is read, since closing a connection with unread bytes resets it.
	maxUnread = 64 << 10
)

// Connections bounds the connections of a server. When there are too many, one of the network with most connections is
// closed: the one that has been idle for longest, or else the newest that waits for its first request. Each connection
// of a proxy counts as a network of its own, since it is used by many.
type Connections struct {
	shares    *shares.Shares
	proxies   Proxies
	report    *Report
	lingering chan struct{}
}

// Proxies are the networks of trusted proxies.
type Proxies []netip.Prefix

// Contain reports whether an address is that of a trusted proxy.
func (p Proxies) Contain(address netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(address) })
}

// NewConnections returns a bound of a number of connections.
func NewConnections(most int, proxies Proxies, report *Report) *Connections {
	return &Connections{shares: shares.New(int64(most)), proxies: proxies, report: report,
		lingering: make(chan struct{}, maxLingering)}
}

// Total returns the number of connections.
func (c *Connections) Total() int64 { return c.shares.Total() }

// Bound returns a listener within this bound. The server must serve on it, and must not serve yet.
func (c *Connections) Bound(server *http.Server, listener net.Listener) net.Listener {
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if connection, ok := conn.(*connection); ok {
			connection.changed(state)
		}
	}
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connectionKey{}, conn)
	}
	server.Handler = givingUpBodies(server.Handler)
	return boundListener{listener, c}
}

type boundListener struct {
	net.Listener
	connections *Connections
}

// Accept implements net.Listener. It answers connections beyond the bound itself.
func (l boundListener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		switch {
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
			l.connections.report.shed(resourceOpenFiles, "cannot accept connections: too many open files",
				netip.Prefix{})
			if !l.connections.shares.ShedOne() {
				return nil, err // net/http waits and tries again
			}
		case err != nil:
			return nil, err
		default:
			if connection := l.connections.admit(accepted); connection != nil {
				return connection, nil
			}
		}
	}
}

// admit returns the connection as one of the bound, or nil if it was refused.
func (c *Connections) admit(accepted net.Conn) net.Conn {
	admitted := &connection{Conn: accepted, bound: c, network: c.networkOf(accepted)}
	admitted.claim.Holder = admitted
	if c.shares.Take(&admitted.claim, admitted.network, 1) {
		return admitted
	}
	c.reportShed(admitted.network)
	c.refuse(accepted)
	return nil
}

func (c *Connections) networkOf(conn net.Conn) netip.Prefix {
	peer, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
	address := peer.Addr().Unmap()
	if c.proxies.Contain(address) {
		return netip.Prefix{}
	}
	return limits.NetworkOf(address)
}

func (c *Connections) reportShed(network netip.Prefix) {
	c.report.shed(resourceConnections, "too many connections: closed some (server.connections)", network)
}

// refuse answers a connection and closes it, without waiting for its client.
func (c *Connections) refuse(conn net.Conn) {
	tellOverloaded(conn)
	select {
	case c.lingering <- struct{}{}:
		go func() {
			defer func() { <-c.lingering }()
			linger(conn)
		}()
	default:
		_ = conn.Close()
	}
}

func linger(conn net.Conn) {
	defer conn.Close()
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, conn, maxUnread)
}

// tellOverloaded answers a connection beyond the bound. A client that does not read its answers must not hold up those
// that connect meanwhile.
func tellOverloaded(conn net.Conn) {
	_ = conn.SetWriteDeadline(time.Now().Add(tellTime))
	_, _ = conn.Write(overloaded)
}

// overloaded is the answer to a connection beyond the bound.
var overloaded = func() []byte {
	const body = `{"error":"temporarily_unavailable","error_description":"Too many connections. Try again shortly."}` +
		"\n"
	return []byte("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n" +
		"Cache-Control: no-store\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n" +
		"Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
}()
