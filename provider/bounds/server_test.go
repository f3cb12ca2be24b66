package bounds

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// nobody counts nothing.
type nobody struct{}

func (nobody) Shed(string) {}

// bounded is a server with few places. POST /read reads a body of at most 64 KiB, /skip does not read it.
type bounded struct {
	*testing.T
	connections *Connections
	bodies      *Bodies
	server      *httptest.Server
	entered     chan struct{} // /work sends when it begins
	leave       chan struct{} // and waits for this
}

func newBounded(t *testing.T, most int, proxies ...netip.Prefix) *bounded {
	report := NewReport(nobody{}, slog.New(slog.DiscardHandler), time.Now)
	b := &bounded{T: t, connections: NewConnections(most, proxies, report), bodies: NewBodies(most, report),
		entered: make(chan struct{}), leave: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("/skip", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "skipped") })
	mux.HandleFunc("/work", func(w http.ResponseWriter, r *http.Request) {
		Works(r)
		b.entered <- struct{}{}
		<-b.leave
		_, _ = io.WriteString(w, "worked")
	})
	mux.HandleFunc("/read", func(w http.ResponseWriter, r *http.Request) {
		peer := netip.MustParseAddrPort(r.RemoteAddr)
		body, err := b.bodies.Read(r, peer.Addr(), 64<<10)
		if err != nil {
			w.Header().Set("Connection", "close")
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		defer body.Release()
		_, _ = fmt.Fprint(w, len(TakeBody(&http.Request{Body: body})))
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	config := &http.Server{Handler: mux, ReadTimeout: time.Minute, ReadHeaderTimeout: time.Minute}
	b.server = &httptest.Server{Listener: b.connections.Bound(config, listener), Config: config}
	b.server.Start()
	t.Cleanup(b.server.Close)
	return b
}

// raw sends a text from an address, on a connection that the caller must close.
func (b *bounded) raw(from, text string) net.Conn {
	b.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	connection, err := dialer.Dial("tcp", b.server.Listener.Addr().String())
	if err != nil {
		b.Skip("this system has only one address on loopback: ", err)
	}
	b.Cleanup(func() { connection.Close() })
	_, _ = io.WriteString(connection, text) // the server may have closed it
	return connection
}

// answer returns the response on a connection, and its body.
func (b *bounded) answer(connection net.Conn) (*http.Response, string) {
	b.Helper()
	require.NoError(b, connection.SetReadDeadline(time.Now().Add(20*time.Second)))
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(b, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(b, err)
	return response, string(body)
}

// served requires that a complete request from an address is answered.
func (b *bounded) served(from string) {
	b.Helper()
	response, body := b.answer(b.raw(from, post("/read", 5, 5)))
	require.Equal(b, http.StatusOK, response.StatusCode, body)
	require.Equal(b, "5", body)
}

const chunked = "POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

func post(path string, sent, length int) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", path, length,
		strings.Repeat("a", sent))
}

// TestAttacksFromOneNetwork hold places of every kind with hundreds of connections. The server stays within its bounds,
// and serves everybody else meanwhile.
func TestAttacksFromOneNetwork(t *testing.T) {
	t.Parallel()
	const most = 64
	for name, text := range map[string]string{
		"nothing":         "",
		"a header":        "POST /read HTTP/1.1\r\nX-Long: " + strings.Repeat("a", 3000),
		"large bodies":    post("/read", 65_535, 65_536),
		"bodies":          post("/read", 99, 100),
		"no bodies":       post("/read", 0, 65_536),
		"unread bodies":   post("/skip", 1000, 2000),
		"chunks":          chunked + "ffff\r\n" + strings.Repeat("a", 60_000),
		"idle":            "GET /skip HTTP/1.1\r\nHost: a\r\n\r\n",
		"too large":       post("/read", 1000, 65_537),
		"continue":        "POST /read HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n",
		"idle, then more": "GET /skip HTTP/1.1\r\nHost: a\r\n\r\nPOST /read HTTP/1.1\r\nX-Long: ",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBounded(t, most)
			b.served("127.0.1.1")
			for n := range 6 * most {
				b.raw(fmt.Sprintf("127.0.0.%d", 1+n%3), text)
				require.LessOrEqual(t, b.connections.Total(), int64(most))
				require.LessOrEqual(t, b.bodies.Total(), int64(most*bytesPerConnection))
				if n%16 == 0 {
					b.served(fmt.Sprintf("127.0.1.%d", 1+n%50))
				}
			}
			b.served("127.0.2.1")
		})
	}
}

// TestBodiesAreBoundedInMemory, not only in their count: the heap grows by as much as the bound, not as what is sent.
func TestBodiesAreBoundedInMemory(t *testing.T) {
	b := newBounded(t, 128) // 1 MiB of bodies
	b.served("127.0.1.1")
	before := heapBytes()
	for range 600 { // 37 MiB
		b.raw("127.0.0.1", post("/read", 65_535, 65_536))
	}
	b.served("127.0.1.1")
	require.Less(t, heapBytes()-before, int64(8<<20))
}

func heapBytes() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestRefusedConnectionsAreTold why, and to try again.
func TestRefusedConnectionsAreTold(t *testing.T) {
	t.Parallel()
	b := newBounded(t, 4)
	var working []net.Conn
	for range 4 {
		working = append(working, b.raw("127.0.0.1", "GET /work HTTP/1.1\r\nHost: a\r\n\r\n"))
		<-b.entered
	}
	response, body := b.answer(b.raw("127.0.1.1", post("/read", 5, 5)))
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.True(t, response.Close)
	require.Equal(t, "1", response.Header.Get("Retry-After"))
	require.Contains(t, body, "temporarily_unavailable")
	close(b.leave)
	for _, connection := range working {
		response, body := b.answer(connection)
		require.Equal(t, http.StatusOK, response.StatusCode, "work is not shed")
		require.Equal(t, "worked", body)
	}
	b.served("127.0.1.1") // in the place of one that is idle now
}

// TestClientsThatDoNotReadHoldUpNobody: no other connection is accepted until one that is shed has been answered.
func TestClientsThatDoNotReadHoldUpNobody(t *testing.T) {
	client, server := net.Pipe() // without a buffer
	defer client.Close()
	connections := NewConnections(1, nil, NewReport(nobody{}, slog.New(slog.DiscardHandler), time.Now))
	require.NotNil(t, connections.admit(server))
	done := make(chan bool)
	go func() { done <- connections.shares.ShedOne() }()
	select {
	case shed := <-done:
		require.True(t, shed)
	case <-time.After(20 * time.Second):
		t.Fatal("waits for the client")
	}
}

// TestConnectionsOfAProxyAreNotShedAsOne, and an attack beside it is.
func TestConnectionsOfAProxyAreNotShedAsOne(t *testing.T) {
	t.Parallel()
	b := newBounded(t, 16, netip.MustParsePrefix("127.0.3.0/24"))
	var proxy []net.Conn
	for range 12 {
		proxy = append(proxy, b.raw("127.0.3.1", post("/read", 2, 5)[:40]))
	}
	for range 40 {
		b.raw("127.0.0.1", "POST /read HTTP/1.1\r\n")
	}
	for range 3 {
		proxy = append(proxy, b.raw("127.0.3.1", post("/read", 2, 5)[:40]))
	}
	for _, connection := range proxy {
		_, err := io.WriteString(connection, post("/read", 5, 5)[40:])
		require.NoError(t, err)
		response, body := b.answer(connection)
		require.Equal(t, http.StatusOK, response.StatusCode, body)
	}
}

// TestBodiesThatAreReadAreReturnedWhole, of any kind and on connections that are used again.
func TestBodiesThatAreReadAreReturnedWhole(t *testing.T) {
	t.Parallel()
	b := newBounded(t, 64)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for _, size := range []int{0, 1, 1000, 65_536} {
				for _, body := range []io.Reader{strings.NewReader(strings.Repeat("a", size)),
					io.MultiReader(strings.NewReader(strings.Repeat("a", size)))} {
					response, err := http.Post(b.server.URL+"/read", "text/plain", body)
					if err != nil {
						b.Error(err)
						return
					}
					text, err := io.ReadAll(response.Body)
					if err = errors.Join(err, response.Body.Close()); err != nil || string(text) != fmt.Sprint(size) {
						b.Errorf("%d bytes: %s, %v", size, text, err)
					}
				}
			}
		})
	}
	group.Wait()
	http.DefaultClient.CloseIdleConnections()
	require.Zero(t, b.bodies.Total())
}

// TestAnEndlessBodyIsTooLarge, although its length is unknown.
func TestAnEndlessBodyIsTooLarge(t *testing.T) {
	t.Parallel()
	b := newBounded(t, 8)
	connection := b.raw("127.0.0.1", chunked+"20000\r\n"+strings.Repeat("a", 66_000))
	response, body := b.answer(connection)
	require.True(t, response.Close)
	require.Contains(t, body, ErrTooLarge.Error())
}
