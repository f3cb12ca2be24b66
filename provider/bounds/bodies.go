package bounds

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"time"

	"github.com/lingpai/lingpai/internal/shares"
	"github.com/lingpai/lingpai/limits"
)

const (
	// bytesPerConnection bounds the bodies in memory, in proportion to the bound on connections.
	bytesPerConnection = 8 << 10
	// leastClaim is the least that an incomplete body counts, so that at most half of the connections wait for one.
	leastClaim = 2 * bytesPerConnection

	// A body must arrive at this rate, after some time for lost packets.
	patience       = 5 * time.Second
	bytesPerSecond = 16 << 10
)

var (
	// ErrTooLarge is returned for a body that is larger than its endpoint allows.
	ErrTooLarge = errors.New("the body is too large")
	// ErrFull is returned for a body that there is no memory for.
	ErrFull = errors.New("too many bodies are in memory")
)

// Bodies bounds the bytes of request bodies in memory, from before they are read until their requests are answered.
// When there are too many, the newest incomplete body of the network with most bytes is given up.
type Bodies struct {
	shares *shares.Shares
	report *Report
}

// NewBodies returns a bound for a server with a bound on connections.
func NewBodies(connections int, report *Report) *Bodies {
	return &Bodies{shares: shares.New(int64(connections) * bytesPerConnection), report: report}
}

// Total returns how many bytes are claimed.
func (b *Bodies) Total() int64 { return b.shares.Total() }

// Body is a complete request body. It implements io.ReadCloser.
type Body struct {
	bodies  *Bodies
	claim   shares.Claim
	network netip.Prefix
	conn    *connection // nil: not within a bound
	bytes   []byte
}

// Read reads the whole body of a request, if it has at most most bytes; it counts for the network of the caller. It
// returns ErrTooLarge before it reads if it can, ErrFull, or an error of the connection; then the response must close
// the connection. Release the body when the request has been answered.
func (b *Bodies) Read(r *http.Request, caller netip.Addr, most int64) (*Body, error) {
	length := r.ContentLength
	if length < 0 { // chunked
		length = most
	}
	if length > most {
		return nil, ErrTooLarge
	}
	network := limits.NetworkOf(caller)
	body := &Body{bodies: b, network: network, conn: connectionOf(r)}
	body.claim.Holder = (*shedBody)(body)
	// First, since the claim may be shed from take on, and shed sets the deadline too.
	body.conn.awaitBody(time.Now().Add(patience + time.Duration(length)*time.Second/bytesPerSecond))
	if !b.shares.Take(&body.claim, network, max(length, leastClaim)) {
		b.reportShed(network)
		return nil, ErrFull
	}
	err := body.read(r, most)
	kept, connected := b.shares.Change(&body.claim, shares.Working, int64(cap(body.bytes))), body.conn.hasBody()
	if !kept || !connected {
		err = ErrFull
	}
	if err != nil {
		body.Release()
		return nil, err
	}
	return body, nil
}

// read reads into a buffer of the length that was announced. One without a length grows as it comes.
func (b *Body) read(r *http.Request, most int64) (err error) {
	if r.ContentLength >= 0 {
		b.bytes = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, b.bytes)
		return err
	}
	b.bytes, err = io.ReadAll(io.LimitReader(r.Body, most+1))
	if err == nil && int64(len(b.bytes)) > most {
		return ErrTooLarge
	}
	return err
}

// shedBody is a Body as the holder of its claim.
type shedBody Body

// Shed implements shares.Holder: reading fails at once.
func (b *shedBody) Shed() {
	b.bodies.reportShed(b.network)
	if b.conn != nil {
		_ = b.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

func (b *Bodies) reportShed(network netip.Prefix) {
	b.report.shed(resourceBodyBytes, "too many request bodies at once: answered some with 503 (server.connections)",
		network)
}

// Release ends the claim of a body whose request has been answered.
func (b *Body) Release() { b.bodies.shares.Release(&b.claim) }

// TakeBody returns the body that was read for a handler, once. It is nil if the request has none.
func TakeBody(r *http.Request) []byte {
	b, ok := r.Body.(*Body)
	if !ok {
		return nil
	}
	taken := b.bytes
	b.bytes = nil
	return taken
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
	if len(b.bytes) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.bytes)
	b.bytes = b.bytes[n:]
	return n, nil
}

// Close implements io.Closer.
func (b *Body) Close() error { return nil }
