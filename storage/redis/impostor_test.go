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

// impersonate answers commands as a test wants a Redis to; an empty answer ends the connection. It returns
// host and port.
func impersonate(t *testing.T, answer func(words []string) string) string {
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
			go converse(connection, answer)
		}
	}()
	return listener.Addr().String()
}

func converse(connection net.Conn, answer func(words []string) string) {
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

// TestALostAnswerIsNotAskedForAgain makes the server do the command and not say so. A second try would find
// the value taken, or there.
func TestALostAnswerIsNotAskedForAgain(t *testing.T) {
	var done atomic.Int32
	var self string
	self = impersonate(t, func(words []string) string {
		switch words[0] {
		case "SET", "EVALSHA":
			if done.Add(1) == 1 {
				return ""
			}
			return "$-1"
		case "cluster":
			host, port, _ := strings.Cut(self, ":")
			return fmt.Sprintf("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$%d\r\n%s\r\n:%s", len(host), host, port)
		}
		return "-ERR unknown command"
	})
	for _, url := range []string{"redis://" + self, "redis://" + self + "?addr=" + self} {
		store := open(t, url, "")
		for name, call := range map[string]func() error{
			"Take":        func() error { _, err := store.Take(t.Context(), "key"); return err },
			"PutIfAbsent": func() error { _, err := store.PutIfAbsent(t.Context(), "key", nil, time.Hour); return err },
			"Allow":       func() error { _, err := store.Allow(t.Context(), "key", 1, time.Hour); return err },
		} {
			done.Store(0)
			err := call()
			require.True(t, err != nil && !errors.Is(err, identity.ErrNotFound), "%s: %v", name, err)
			require.Contains(t, err.Error(), "EOF", name)
			require.EqualValues(t, 1, done.Load(), name)
		}
	}
}

// TestErrorsRepeatNothing lets a server say in its errors all that it was sent, as Redis does with a command
// that it does not know.
func TestErrorsRepeatNothing(t *testing.T) {
	secrets := []string{"the key", "the value", "the-user", "the-password"}
	for _, helloes := range []bool{false, true} {
		self := impersonate(t, func(words []string) string {
			if helloes && words[0] == "hello" {
				return "%1\r\n$5\r\nproto\r\n:3"
			}
			return "-ERR unknown command, with args beginning with: " + strings.NewReplacer("\r", "", "\n",
				"").Replace(strings.Join(words, " "))
		})
		for _, parameters := range []string{"", "?addr=" + self,
			"?master_name=name&username=the-user&password=the-password"} {
			store := open(t, "redis://the-user:the-password@"+self+parameters, "")
			for name, call := range calls(t, store) {
				err := call()
				require.Error(t, err, name)
				for _, secret := range secrets {
					require.NotContains(t, err.Error(), secret, name)
				}
			}
		}
	}
}
