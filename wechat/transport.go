package wechat

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"
)

const (
	// maxBody and maxHeader bound an answer, in bytes. True ones have less
	// than 1 KiB.
	maxBody   = 64 << 10
	maxHeader = 64 << 10

	// idleTimeout is short, so that connections are rather closed by us than
	// found closed by WeChat when a code has just been written to them.
	idleTimeout = 10 * time.Second
)

// errTimeout is the cause of a context that ended by our own limit, which
// tells a slow WeChat from a caller who left.
var errTimeout = errors.New("wechat: timeout")

// newTransport returns a transport that honours HTTPS_PROXY and its like.
// Compression is off so that maxBody bounds what is read and what it becomes
// alike. HTTP/2 is off because a code on a broken multiplexed connection
// might be sent again, and a login needs no multiplexing.
func newTransport(timeout time.Duration, maxConcurrent int) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    timeout,
		Protocols:              protocols,
		DisableCompression:     true,
		MaxIdleConns:           maxConcurrent,
		MaxIdleConnsPerHost:    maxConcurrent,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// emptyBody makes a GET that net/http will not send twice. The transport
// silently repeats a GET without body when a reused connection turns out to be
// closed, even though the server may have read the first one and consumed its
// code. A request with a body that cannot be rewound is not repeated; and as
// the body proves to be empty, nothing of it is on the wire.
type emptyBody struct{}

func (emptyBody) Read([]byte) (int, error) { return 0, io.EOF }
func (emptyBody) Close() error             { return nil }

// get asks once and returns the body of an answer with status 200. It uses
// the transport without an [http.Client]: nothing follows redirects to
// elsewhere, and no error comes with the URL, which holds the secret.
func (c *Client) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	return c.send(ctx, &http.Request{Method: http.MethodGet, Header: http.Header{}, Body: emptyBody{}}, path, query)
}

// post is get with a body of JSON. net/http sends no POST twice that it cannot
// rewind.
func (c *Client) post(ctx context.Context, path string, query url.Values, members any) ([]byte, error) {
	body, err := json.Marshal(members)
	if err != nil {
		return nil, outage("request not encoded")
	}
	header := http.Header{"Content-Type": {"application/json"}}
	request := &http.Request{Method: http.MethodPost, Header: header, Body: io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body))}
	return c.send(ctx, request, path, query)
}

func (c *Client) send(ctx context.Context, request *http.Request, path string, query url.Values) ([]byte, error) {
	request.URL = c.base.JoinPath(path)
	request.URL.RawQuery = query.Encode()
	response, err := c.transport.RoundTrip(request.WithContext(ctx))
	if err != nil {
		return nil, transportFailure(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, statusFailure(response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return nil, transportFailure(ctx, err)
	}
	if len(body) > maxBody {
		return nil, outage("answer too long")
	}
	return body, nil
}

// statusFailure returns the failure of an answer that is not from WeChat's
// APIs, whose failures have status 200, but from a gateway before them. A 4xx
// may be owed to one odd request, so it does not count against WeChat.
func statusFailure(status int) *Error {
	failed := outage("HTTP status " + strconv.Itoa(status))
	if 400 <= status && status < 500 && status != http.StatusTooManyRequests {
		failed.health = answered
	}
	return failed
}

// transportFailure names the kind of err in words of ours. Its own text is
// dropped: it may quote what a server or proxy sent, the URL included.
func transportFailure(ctx context.Context, err error) *Error {
	if ctx.Err() != nil {
		return contextFailure(ctx)
	}
	return outage(transportReason(err))
}

func transportReason(err error) string {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "host name not resolved"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "certificate not valid"
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "timeout"
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	}
	return "connection failed"
}

// contextFailure returns the failure of a call whose context has ended.
func contextFailure(ctx context.Context) *Error {
	if errors.Is(context.Cause(ctx), errTimeout) {
		return outage("timeout")
	}
	return &Error{Class: ErrUnavailable, Reason: "caller left", health: abandoned}
}
