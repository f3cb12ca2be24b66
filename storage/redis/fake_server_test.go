package redis_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// startFakeServer starts a server that answers commands as a test wants; an empty answer closes the connection. It
// returns host and port.
func startFakeServer(t *testing.T, answer func(words []string) string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go serveFake(connection, answer)
		}
	}()
	return listener.Addr().String()
}

func serveFake(connection net.Conn, answer func(words []string) string) {
	defer connection.Close()
	for reader := bufio.NewReader(connection); ; {
		words, err := readCommand(reader)
		if err != nil {
			return
		}
		answered := answer(words)
		if answered == "" {
			return
		}
		if _, err := io.WriteString(connection, answered+"\r\n"); err != nil {
			return
		}
	}
}

func readCommand(reader *bufio.Reader) ([]string, error) {
	var count, length int
	if _, err := fmt.Fscanf(reader, "*%d\r\n", &count); err != nil {
		return nil, err
	}
	words := make([]string, count)
	for n := range words {
		if _, err := fmt.Fscanf(reader, "$%d\r\n", &length); err != nil {
			return nil, err
		}
		word := make([]byte, length+len("\r\n"))
		if _, err := io.ReadFull(reader, word); err != nil {
			return nil, err
		}
		words[n] = string(word[:length])
	}
	return words, nil
}

// TestALostResponseIsNotRetried: the server executes the command and closes the connection. A retry would find the
// value already taken, or already stored.
func TestALostResponseIsNotRetried(t *testing.T) {
	var done atomic.Int32
	var address string
	address = startFakeServer(t, func(words []string) string {
		switch words[0] {
		case "SET", "EVALSHA":
			if done.Add(1) == 1 {
				return ""
			}
			return "$-1"
		case "cluster":
			host, port, _ := strings.Cut(address, ":")
			return fmt.Sprintf("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$%d\r\n%s\r\n:%s", len(host), host, port)
		}
		return "-ERR unknown command"
	})
	for _, url := range []string{"redis://" + address, "redis://" + address + "?addr=" + address} {
		store := open(t, url, "")
		for name, call := range map[string]func() error{
			"Take":        func() error { _, err := store.Take(t.Context(), "key"); return err },
			"PutIfAbsent": func() error { _, err := store.PutIfAbsent(t.Context(), "key", nil, time.Hour); return err },
			"AllowAll":    func() error { _, err := allow(t.Context(), store, "key", 1, time.Hour); return err },
			"GiveBack": func() error {
				return store.GiveBack(t.Context(), "", identity.Rate{Key: "key", Uses: 1, Period: time.Hour})
			},
		} {
			done.Store(0)
			err := call()
			require.True(t, err != nil && !errors.Is(err, identity.ErrNotFound), "%s: %v", name, err)
			require.Contains(t, err.Error(), "EOF", name)
			require.EqualValues(t, 1, done.Load(), name)
		}
	}
}

// TestErrorsContainNoSecrets: the server's errors repeat everything that it received, as those of Redis do for an
// unknown command.
func TestErrorsContainNoSecrets(t *testing.T) {
	secrets := []string{"the key", "the value", "the-user", "the-password"}
	for _, acceptHello := range []bool{false, true} {
		address := startFakeServer(t, func(words []string) string {
			if acceptHello && words[0] == "hello" {
				return "%1\r\n$5\r\nproto\r\n:3"
			}
			return "-ERR unknown command, with args beginning with: " + strings.NewReplacer("\r", "", "\n",
				"").Replace(strings.Join(words, " "))
		})
		for _, parameters := range []string{"", "?addr=" + address,
			"?master_name=name&username=the-user&password=the-password"} {
			store := open(t, "redis://the-user:the-password@"+address+parameters, "")
			for name, call := range calls(t.Context(), store) {
				err := call()
				require.Error(t, err, name)
				for _, secret := range secrets {
					require.NotContains(t, err.Error(), secret, name)
				}
			}
		}
	}
}
