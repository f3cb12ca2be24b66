package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var memoryConnections = flag.Int("memory.connections", 400, "connections of the attacks on memory")

const (
	// memoryGrowth is how much the resident memory of a server may grow under attack, in KiB.
	memoryGrowth = 128 << 10
	// sparedFiles are the files that the test itself and the server need.
	sparedFiles = 500
	// otherFiles is more than a server has open besides its connections.
	otherFiles = 200
	// attackers is the number of goroutines that open connections.
	attackers = 64
)

// TestMemoryUnderAttack opens thousands of connections from one address, which hold memory in every way that needs no
// credentials, and keep doing it. The server's memory grows by at most 128 MiB, and a client at another address is
// answered throughout. With fewer connections than the default of server.connections, that is lowered.
func TestMemoryUnderAttack(t *testing.T) {
	post := func(path string, sent, length int) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
			"Content-Length: %d\r\n\r\n%s", path, length, strings.Repeat("a", sent))
	}
	for name, text := range map[string]string{
		"bodies of 64 KiB":         post("/token", 65_535, 65_536),
		"bodies of a token":        post("/token", 16_383, 16_384),
		"bodies of WeChat data":    post("/wechat/data/decrypt", 65_535, 65_536),
		"bodies that nobody reads": post("/nowhere", 65_535, 65_536),
		"empty bodies":             post("/token", 0, 16_384),
		"chunks": "POST /token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3fff\r\n" +
			strings.Repeat("a", 16_383),
		"headers without an end": "POST /token HTTP/1.1\r\nHost: a\r\nX-Long: " + strings.Repeat("a", 15_000),
		"idle connections":       "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) { attackMemory(t, text) })
	}
}

func attackMemory(t *testing.T, text string) {
	count := affordable(t, *memoryConnections)
	o := migrated(t, "LINGPAI_SERVER_ISSUER=http://127.0.0.1:8080", "LINGPAI_LOG_LEVEL=warn")
	secret := secretIn(t, o.ok("clients", "create", "api", "--grant", "client_credentials", "--audience", audience))
	addr := freeAddr(t)
	bound := 2048 // the default
	if count < 2*bound {
		bound = max(64, count/4)
		o = o.with(fmt.Sprintf("LINGPAI_SERVER_CONNECTIONS=%d", bound))
	}
	p := o.with("LINGPAI_LOG_LEVEL=info", "LINGPAI_SERVER_ADDR="+addr).start("serve")
	p.logged("serving")
	honest := honestClient(t, addr, secret)
	for range 50 {
		require.NoError(t, honest())
	}
	before := statusKiB(t, p.PID(), "VmRSS")
	attack := &attack{addr: addr, text: text}
	t.Cleanup(attack.stop)
	var group sync.WaitGroup
	turns := make(chan struct{}, count)
	for range count {
		turns <- struct{}{}
	}
	close(turns)
	for range attackers {
		group.Go(func() {
			for range turns {
				attack.open()
			}
		})
	}
	for range 20 {
		require.NoError(t, honest())
	}
	group.Wait()
	for range 20 {
		require.NoError(t, honest())
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
	require.NoError(t, err)
	require.Less(t, len(files), bound+otherFiles)
	peak := statusKiB(t, p.PID(), "VmHWM")
	t.Logf("%d connections: %d MiB before, %d MiB at most, %d MiB more", len(attack.opened), before>>10, peak>>10,
		(peak-before)>>10)
	require.LessOrEqual(t, peak-before, memoryGrowth, "the memory grew by so many KiB")
}

// attack keeps connections open.
type attack struct {
	addr, text string
	mutex      sync.Mutex
	opened     []net.Conn
}

// open opens one more connection. The server may close it at any time.
func (a *attack) open() {
	connection, err := net.Dial("tcp", a.addr)
	if err != nil {
		return
	}
	_ = connection.SetWriteDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(connection, a.text)
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.opened = append(a.opened, connection)
}

func (a *attack) stop() {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for _, connection := range a.opened {
		connection.Close()
	}
}

// honestClient returns a function that requests a token from another address, on a new connection.
func honestClient(t *testing.T, addr, secret string) func() error {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, 1)}}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, addr)
		},
	}}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"api"}, "client_secret": {secret}}
	return func() error {
		response, err := client.PostForm("http://"+addr+"/token", form)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			text, _ := io.ReadAll(response.Body)
			return fmt.Errorf("%s: %s", response.Status, text)
		}
		return nil
	}
}

// affordable returns how many connections this process can open, at most the wanted ones.
func affordable(t *testing.T, wanted int) int {
	t.Helper()
	var files syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files))
	files.Cur = files.Max
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files))
	if most := int(files.Cur) - sparedFiles; wanted > most {
		t.Logf("only %d connections: this process may open %d files", most, files.Cur)
		return most
	}
	return wanted
}

// statusKiB returns a figure of a process in KiB (proc_pid_status(5)).
func statusKiB(t *testing.T, pid int, name string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "\n"+name+":")
	require.True(t, found)
	value, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return value
}
