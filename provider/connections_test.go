package provider_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/provider"
)

// raw writes bytes on a connection of its own and returns it.
func (w browser) raw(t *testing.T, text string) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", w.server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { connection.Close() })
	require.NoError(t, connection.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(connection, text)
	require.NoError(t, err)
	return connection
}

func postHead(lines ...string) string {
	return "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
		strings.Join(append(lines, "", ""), "\r\n")
}

// TestSlowRequestsAreCutOff: a client that sends a byte now and then holds a connection for seconds, not for ever.
func TestSlowRequestsAreCutOff(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	var group sync.WaitGroup
	for name, c := range map[string]struct{ start, drip string }{
		"headers": {"POST /token HTTP/1.1\r\nHost: x\r\nX-Slow: ", "x"},
		"body":    {postHead("Content-Length: 1000"), "x"},
		"chunks":  {postHead("Transfer-Encoding: chunked"), "1\r\nx\r\n"},
	} {
		connection := w.raw(t, c.start)
		go func() {
			for {
				if _, err := io.WriteString(connection, c.drip); err != nil {
					return
				}
				time.Sleep(200 * time.Millisecond)
			}
		}()
		group.Go(func() {
			answer, err := io.ReadAll(connection)
			assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, "%s is not cut off", name)
			assert.NotContains(t, string(answer), "HTTP/1.1 5", name)
			assert.NotContains(t, string(answer), "200 OK", name)
		})
	}
	group.Wait()
}

// TestServerHasALimitForEverything that a client could make slow or large.
func TestServerHasALimitForEverything(t *testing.T) {
	t.Parallel()
	server := provider.NewHTTPServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	require.NotZero(t, server.ReadHeaderTimeout)
	require.NotZero(t, server.ReadTimeout)
	require.Greater(t, server.WriteTimeout, 15*time.Second, "a sign-in may take 15 s, and must still be answered")
	require.NotZero(t, server.IdleTimeout)
	require.LessOrEqual(t, server.MaxHeaderBytes, 16<<10)
}

// TestRequestsThatEndEarly do no harm: they get an error, or the connection is closed.
func TestRequestsThatEndEarly(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	body, _ := w.wechatCode("alice").encode()
	connection := w.raw(t, postHead("Content-Length: 1000")+body)
	require.NoError(t, connection.(*net.TCPConn).CloseWrite())
	text, err := io.ReadAll(connection)
	require.NoError(t, err)
	require.Contains(t, string(text), "400 Bad Request")
	require.Contains(t, string(text), "invalid_request")
	require.Empty(t, w.simulator.Requests().Codes, "an incomplete request has no effect")
}

// TestRequestsWithTwoLengths are one request each: the part that another parser could take for a second request is
// never answered.
func TestRequestsWithTwoLengths(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	smuggled := "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, text := range map[string]string{
		"length and chunks": postHead("Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n" + smuggled,
		"two different lengths": postHead("Content-Length: 0", fmt.Sprintf("Content-Length: %d", len(smuggled))) +
			smuggled,
		"a signed length":        postHead("Content-Length: +0") + smuggled,
		"an unknown encoding":    postHead("Transfer-Encoding: xchunked") + smuggled,
		"chunks that are broken": postHead("Transfer-Encoding: chunked") + "zz\r\n\r\n" + smuggled,
		"a NUL in a header":      postHead("X-Odd: a\x00b") + smuggled,
		"an escape in a header":  postHead("X-Odd: a\x1b[2J") + smuggled,
		"a space before a colon": postHead("Content-Length : 0") + smuggled,
	} {
		t.Run(name, func(t *testing.T) {
			connection := w.raw(t, text)
			reader := bufio.NewReader(connection)
			response, err := http.ReadResponse(reader, nil)
			require.NoError(t, err)
			require.GreaterOrEqual(t, response.StatusCode, 400)
			_, _ = io.Copy(io.Discard, response.Body)
			rest, err := io.ReadAll(reader)
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the connection is closed")
			require.NotContains(t, string(rest), `"ok"`)
		})
	}
}

// TestIdleConnectionsDoNotKeepOthersOut opens many, and sends a request on another.
func TestIdleConnectionsDoNotKeepOthersOut(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for range 200 {
		w.raw(t, "GET /healthz HTTP/1.1\r\n")
	}
	w.signIn("alice")
}

// TestHeadersThatAreTooLarge cost no memory and reach no endpoint.
func TestHeadersThatAreTooLarge(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	a := w.get("/userinfo", http.Header{"Authorization": {"Bearer " + strings.Repeat("a.", 20<<10)}})
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, a.status)
	a = w.get("/userinfo", http.Header{"Authorization": {"Bearer " + strings.Repeat(".", 12<<10)}})
	requireError(t, a, http.StatusUnauthorized, "invalid_token")
}

// TestBodiesAreRefusedBeforeTheyAreRead: each endpoint says what it needs at most, and a client that announces more is
// answered before it has sent a byte of it.
func TestBodiesAreRefusedBeforeTheyAreRead(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for target, most := range map[string]int{
		"POST /token": 16 << 10, "POST /revoke": 16 << 10, "POST /introspect": 16 << 10, "POST /userinfo": 16 << 10,
		"POST /account/v1/users": 16 << 10, "PUT /account/v1/password": 16 << 10, "PUT /account/v1/profile": 16 << 10,
		"POST /wechat/app_token": 4 << 10, "POST /wechat/session_key/check": 4 << 10, "POST /wechat/phone": 4 << 10,
		"POST /wechat/data/decrypt": 64 << 10, "POST /wechat/data/verify": 64 << 10,
	} {
		for _, length := range []int{most + 1, 1 << 40} {
			connection := w.raw(t, fmt.Sprintf("%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", target,
				length))
			response, err := http.ReadResponse(bufio.NewReader(connection), nil)
			require.NoError(t, err, target)
			text, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode, target)
			require.True(t, response.Close, target)
			require.Contains(t, string(text), fmt.Sprintf("The body must not be larger than %d KiB.", most>>10))
		}
		connection := w.raw(t, fmt.Sprintf("%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", target, most,
			strings.Repeat("a", most)))
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		require.NoError(t, err, target)
		require.NotEqual(t, http.StatusRequestEntityTooLarge, response.StatusCode, target)
	}
}

// TestBodiesInMemoryAreBounded: of hundreds of connections that hold incomplete bodies, those that do not fit are
// answered 503, and a client elsewhere notices nothing.
func TestBodiesInMemoryAreBounded(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only on Linux has loopback more than one address")
	}
	w := newEnv(t, func(s *settings) { s.connections = 64 }) // 512 KiB of bodies
	elsewhere := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, 1)}}).DialContext}}
	body, header := serviceForm().encode()
	for n := range 300 {
		w.incompleteBody(t)
		if n%20 > 0 {
			continue
		}
		request, err := http.NewRequest(http.MethodPost, w.issuer+"/token", strings.NewReader(body))
		require.NoError(t, err)
		header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header = header
		response, err := elsewhere.Do(request)
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
	require.Positive(t, w.refusedBodies(t, 64))
	require.Equal(t, 1, strings.Count(w.log.String(), "too many request bodies at once"), "once a minute")
	require.NotContains(t, w.log.String(), `"level":"ERROR"`)
}

// TestLargeBodiesFromElsewhereAreRead, while one network holds as many incomplete bodies as it can: the largest body is
// not given up, but one of the network with the most bytes.
func TestLargeBodiesFromElsewhereAreRead(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only on Linux has loopback more than one address")
	}
	w := newEnv(t, func(s *settings) { s.connections = 64 }) // 512 KiB of bodies
	for range 40 {
		w.incompleteBody(t)
	}
	require.Eventually(t, func() bool { return strings.Contains(w.log.String(), "too many request bodies at once") },
		time.Minute, time.Millisecond)
	elsewhere := &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, 1)}}).DialContext}}
	response, err := elsewhere.Post(w.issuer+"/wechat/data/decrypt", "application/x-www-form-urlencoded",
		strings.NewReader(strings.Repeat("a", 64<<10)))
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusUnauthorized, response.StatusCode, "it has no token, but it was read")
}

// incompleteBody opens a connection that holds a body without its last byte. The server may refuse it meanwhile.
func (w *env) incompleteBody(t *testing.T) net.Conn {
	t.Helper()
	connection := w.raw(t, "")
	_, _ = io.WriteString(connection, postHead("Content-Length: 16384")+strings.Repeat("a", 16_383))
	return connection
}

// refusedBodies opens more connections than may hold an incomplete body, and returns how many are answered 503. Which
// ones are depends on the order in which the server gets to them.
func (w *env) refusedBodies(t *testing.T, connections int) (refused int) {
	t.Helper()
	opened := make([]net.Conn, connections)
	for n := range opened {
		opened[n] = w.incompleteBody(t)
	}
	for _, connection := range opened {
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil || response.StatusCode != http.StatusServiceUnavailable {
			continue // closed, or given up for being slow
		}
		refused++
		require.True(t, response.Close)
		require.Equal(t, "1", response.Header.Get("Retry-After"))
	}
	return refused
}

// TestOnlyHTTP1IsSpoken: with more requests on a connection, bounds on connections would not bound requests.
func TestOnlyHTTP1IsSpoken(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	connection := w.raw(t, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	require.GreaterOrEqual(t, response.StatusCode, 400)
	require.True(t, response.Close)
	upgrade := w.raw(t, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"+
		"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")
	response, err = http.ReadResponse(bufio.NewReader(upgrade), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "HTTP/1.1", response.Proto)
}
