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

// wire stands between a handle and PostgreSQL. It writes down the statements that are executed, and what is
// refused; it can lose answers, and be silent.
type wire struct {
	listener net.Listener
	server   string
	silence  sync.RWMutex // while it is locked, nothing comes through

	mutex       sync.Mutex
	connections int
	statements  []string
	refusals    []string                    // SQLSTATEs
	lose        func(statement string) bool // whether its answer is lost, and the connection with it; nil: none
}

// tap returns a URL that leads over a wire to the database.
func tap(t testing.TB, database string) (string, *wire) {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	w := &wire{server: u.Host}
	w.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.listener.Close() })
	go w.listen()
	u.Host = w.listener.Addr().String()
	return u.String(), w
}

func (w *wire) listen() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		go w.carry(client)
	}
}

// carry carries one connection.
func (w *wire) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", w.server)
	if err != nil {
		return
	}
	defer server.Close()
	w.pause()
	line := &line{wire: w, texts: map[string]string{}}
	go func() {
		defer client.Close()
		_ = pass(client, server, line.answered)
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
		_ = pass(server, client, line.asked)
	}
}

// line is one connection's.
type line struct {
	*wire
	texts  map[string]string // of prepared statements
	bound  string
	losing bool
}

// pause waits until the silence is over.
func (w *wire) pause() {
	w.silence.RLock()
	defer w.silence.RUnlock()
}

// asked looks at what a client says.
func (l *line) asked(m []byte) (forward, on bool) {
	l.pause()
	l.mutex.Lock()
	defer l.mutex.Unlock()
	texts := strings.Split(string(m[5:]), "\x00")
	switch m[0] {
	case 'P':
		l.texts[texts[0]] = texts[1]
	case 'B':
		l.bound = l.texts[texts[1]]
	case 'Q':
		l.execute(texts[0])
	case 'E':
		l.execute(l.bound)
	}
	return true, true
}

func (l *line) execute(statement string) {
	l.statements = append(l.statements, statement)
	l.losing = l.lose != nil && l.lose(statement)
}

// answered looks at what the server says. A lost answer is over when the server is ready for the next statement.
func (l *line) answered(m []byte) (forward, on bool) {
	l.pause()
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if m[0] == 'E' {
		for _, field := range bytes.Split(m[5:], []byte{0}) {
			if len(field) > 0 && field[0] == 'C' {
				l.refusals = append(l.refusals, string(field[1:]))
			}
		}
	}
	return !l.losing, !l.losing || m[0] != 'Z'
}

// pass passes messages on, for as long as look lets it.
func pass(to io.Writer, from io.Reader, look func(message []byte) (forward, on bool)) error {
	for {
		m, err := message(from, 1)
		if err != nil {
			return err
		}
		forward, on := look(m)
		if forward {
			if _, err := to.Write(m); err != nil {
				return err
			}
		}
		if !on {
			return io.EOF
		}
	}
}

// message reads a length, its own included, and what it counts, after a few bytes.
func message(from io.Reader, before int) ([]byte, error) {
	m := make([]byte, before+4)
	if _, err := io.ReadFull(from, m); err != nil {
		return nil, err
	}
	m = append(m, make([]byte, binary.BigEndian.Uint32(m[before:])-4)...)
	_, err := io.ReadFull(from, m[before+4:])
	return m, err
}

// take returns what was executed since the last time.
func (w *wire) take() []string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	// of a connection that was idle for a second
	taken := slices.DeleteFunc(w.statements, func(statement string) bool { return statement == "-- ping" })
	w.statements = nil
	return taken
}

// requireRefused wants the server to have refused nothing for other reasons than these.
func (w *wire) requireRefused(t testing.TB, allowed ...string) {
	t.Helper()
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, code := range w.refusals {
		require.Contains(t, allowed, code)
	}
}
