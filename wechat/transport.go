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
	// maxBody and maxHeader limit an answer, in bytes. Real ones have less than 1 KiB.
	maxBody   = 64 << 10
	maxHeader = 64 << 10

	// idleTimeout is short, so that we close a connection before WeChat does: otherwise a
	// code could be written to a connection that WeChat has just closed.
	idleTimeout = 10 * time.Second
)

// errTimeout is the cause of a context that ended by the client's timeout. It distinguishes
// a slow WeChat from a caller that left.
var errTimeout = errors.New("wechat: timeout")

// newTransport returns a transport that honors HTTPS_PROXY and similar variables.
// Compression is off, so that maxBody limits both the transferred and the decoded size.
// HTTP/2 is off, because a code on a broken multiplexed connection might be sent again, and
// a login needs no multiplexing.
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

// emptyBody prevents net/http from sending a GET twice. The transport silently repeats a GET
// without a body when a reused connection turns out to be closed, even though the server may have
// read the first one and consumed its code. A request with a body that cannot be rewound is not
// repeated. Since the body is empty, it does not change the request.
type emptyBody struct{}

func (emptyBody) Read([]byte) (int, error) { return 0, io.EOF }
func (emptyBody) Close() error             { return nil }

// get sends one request and returns the body of an answer with status 200. It uses the
// transport without an [http.Client], so that it follows no redirects and no error contains
// the URL, which has the secret.
func (c *Client) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	return c.send(ctx, &http.Request{Method: http.MethodGet, Header: http.Header{}, Body: emptyBody{}}, path, query,
		maxBody)
}

// post is like get, with a JSON body. net/http does not repeat a POST that it cannot rewind.
func (c *Client) post(ctx context.Context, path string, query url.Values, members any) ([]byte, error) {
	return c.postFor(ctx, path, query, members, maxBody)
}

// postForPicture is like post, for an answer that may be a picture.
func (c *Client) postForPicture(ctx context.Context, path string, query url.Values, members any) ([]byte, error) {
	return c.postFor(ctx, path, query, members, maxImage)
}

func (c *Client) postFor(ctx context.Context, path string, query url.Values, members any, most int64) ([]byte, error) {
	body, err := json.Marshal(members)
	if err != nil {
		return nil, outage("request not encoded")
	}
	header := http.Header{"Content-Type": {"application/json"}}
	request := &http.Request{Method: http.MethodPost, Header: header, Body: io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body))}
	return c.send(ctx, request, path, query, most)
}

// send sends a request and returns the body of the answer, of at most so many bytes.
func (c *Client) send(ctx context.Context, request *http.Request, path string, query url.Values, most int64) ([]byte,
	error) {
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
	body, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err != nil {
		return nil, transportFailure(ctx, err)
	}
	if int64(len(body)) > most {
		return nil, outage("answer too long")
	}
	return body, nil
}

// statusFailure returns the error for an HTTP status other than 200. It comes from a gateway,
// since WeChat's APIs report errors with status 200. A 4xx may be caused by one bad
// request, so it does not count as an outage.
func statusFailure(status int) *Error {
	failed := outage("HTTP status " + strconv.Itoa(status))
	if 400 <= status && status < 500 && status != http.StatusTooManyRequests {
		failed.health = answered
	}
	return failed
}

// transportFailure returns an error with the kind of err. The text of err is dropped: it may
// quote what a server or proxy sent, including the URL.
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

// contextFailure returns the error of a call whose context has ended.
func contextFailure(ctx context.Context) *Error {
	if errors.Is(context.Cause(ctx), errTimeout) {
		return outage("timeout")
	}
	return &Error{Class: ErrUnavailable, Reason: "caller left", health: abandoned}
}
