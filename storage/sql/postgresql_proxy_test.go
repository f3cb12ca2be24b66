package sql

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// proxy forwards connections to PostgreSQL. It records the statements that are executed, and the errors of the
// server. It can drop responses, and stop forwarding.
type proxy struct {
	listener net.Listener
	silence  sync.RWMutex // while it is locked, nothing is forwarded

	mutex       sync.Mutex
	server      string
	connections int
	statements  []string
	refusals    []string                    // SQLSTATEs
	lose        func(statement string) bool // whether to drop the response and the connection; nil: never
}

// startProxy starts a proxy and returns the URL of the database through it.
func startProxy(t testing.TB, database string) (string, *proxy) {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	w := &proxy{server: u.Host}
	w.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.listener.Close() })
	go w.listen()
	u.Host = w.listener.Addr().String()
	return u.String(), w
}

func (w *proxy) listen() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		go w.serve(client)
	}
}

// lead sets where new connections are forwarded to.
func (w *proxy) lead(server string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.server = server
}

// count returns how many connections were made.
func (w *proxy) count() int {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.connections
}

// serve forwards one connection.
func (w *proxy) serve(client net.Conn) {
	defer client.Close()
	w.mutex.Lock()
	address := w.server
	w.mutex.Unlock()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	w.pause()
	connection := &connection{proxy: w, texts: map[string]string{}}
	go func() {
		defer client.Close()
		_ = relay(client, server, connection.fromServer)
	}()
	greeting, err := message(client, 0)
	if err != nil {
		return
	}
	if binary.BigEndian.Uint32(greeting[4:]) == 3<<16 { // not a request to cancel
		w.mutex.Lock()
		w.connections++
		w.mutex.Unlock()
	}
	if _, err := server.Write(greeting); err == nil {
		_ = relay(server, client, connection.fromClient)
	}
}

// connection is the state of one connection.
type connection struct {
	*proxy
	texts  map[string]string // prepared statements by name
	bound  string
	losing bool
}

// pause waits while silence is locked.
func (w *proxy) pause() {
	w.silence.RLock()
	defer w.silence.RUnlock()
}

// fromClient examines a message of the client.
func (c *connection) fromClient(m []byte) (forward, more bool) {
	c.pause()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	texts := strings.Split(string(m[5:]), "\x00")
	switch m[0] {
	case 'P':
		c.texts[texts[0]] = texts[1]
	case 'B':
		c.bound = c.texts[texts[1]]
	case 'Q':
		c.execute(texts[0])
	case 'E':
		c.execute(c.bound)
	}
	return true, true
}

func (c *connection) execute(statement string) {
	c.statements = append(c.statements, statement)
	c.losing = c.lose != nil && c.lose(statement)
}

// fromServer examines a message of the server. A dropped response ends when the server is ready for the next
// statement.
func (c *connection) fromServer(m []byte) (forward, more bool) {
	c.pause()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if m[0] == 'E' {
		for _, field := range bytes.Split(m[5:], []byte{0}) {
			if len(field) > 0 && field[0] == 'C' {
				c.refusals = append(c.refusals, string(field[1:]))
			}
		}
	}
	return !c.losing, !c.losing || m[0] != 'Z'
}

// relay forwards messages until look returns false for more.
func relay(to io.Writer, from io.Reader, look func(message []byte) (forward, more bool)) error {
	for {
		m, err := message(from, 1)
		if err != nil {
			return err
		}
		forward, more := look(m)
		if forward {
			if _, err := to.Write(m); err != nil {
				return err
			}
		}
		if !more {
			return io.EOF
		}
	}
}

// message reads some bytes, then a length that includes itself, and then the rest of that length.
func message(from io.Reader, before int) ([]byte, error) {
	m := make([]byte, before+4)
	if _, err := io.ReadFull(from, m); err != nil {
		return nil, err
	}
	m = append(m, make([]byte, binary.BigEndian.Uint32(m[before:])-4)...)
	_, err := io.ReadFull(from, m[before+4:])
	return m, err
}

// take returns the statements that were executed since the last call.
func (w *proxy) take() []string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	// pgx pings a connection that was idle for a second
	taken := slices.DeleteFunc(w.statements, func(statement string) bool { return statement == "-- ping" })
	w.statements = nil
	return taken
}

// requireRefused requires the server to have returned no other SQLSTATEs than these.
func (w *proxy) requireRefused(t testing.TB, allowed ...string) {
	t.Helper()
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, code := range w.refusals {
		require.Contains(t, allowed, code)
	}
}
