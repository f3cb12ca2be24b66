package wechat_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// TestUnusableAnswersAreOutages: none may sign in a user, be reported as a bad code, or
// take longer than the timeout.
func TestUnusableAnswersAreOutages(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]wechattest.Fault{
		"HTML":                        {Body: "html"},
		"no body":                     {Body: "empty"},
		"half of the JSON":            {Body: "truncated"},
		"a broken connection":         {Body: "cut"},
		"an array":                    {Text: `[{"openid":"o1"}]`},
		"null":                        {Text: `null`},
		"a string":                    {Text: `"openid"`},
		"an object with a tail":       {Text: `{"openid":"o1"}x`},
		"two objects":                 {Text: `{"openid":"o1"}{"openid":"o2"}`},
		"openid twice":                {Text: `{"openid":"o1","openid":"o2"}`},
		"openid twice, once escaped":  {Text: `{"openid":"o1","\u006fpenid":"o2"}`},
		"errcode twice":               {Text: `{"errcode":40029,"errcode":0,"openid":"o1"}`},
		"a number for the openid":     {Text: `{"openid":123}`},
		"a number for the unionid":    {Text: `{"openid":"o1","unionid":7}`},
		"null for the openid":         {Text: `{"openid":null}`},
		"null for the errcode":        {Text: `{"errcode":null,"openid":"o1"}`},
		"a fraction for the errcode":  {Text: `{"errcode":0.5,"openid":"o1"}`},
		"a word for the errcode":      {Text: `{"errcode":"ok","openid":"o1"}`},
		"OpenID in other case":        {Text: `{"OpenID":"o1"}`},
		"no openid":                   {Text: `{"session_key":"c2VjcmV0"}`},
		"an empty openid":             {Body: "empty_openid"},
		"an empty openid, errcode 0":  {Text: `{"errcode":0,"openid":""}`},
		"a long openid":               {Text: `{"openid":"` + strings.Repeat("o", 129) + `"}`},
		"a control character":         {Text: `{"openid":"o1\u0000"}`},
		"a raw control character":     {Text: "{\"openid\":\"o\x011\"}"},
		"a space in the openid":       {Text: `{"openid":"o 1"}`},
		"a letter outside ASCII":      {Text: `{"openid":"oé"}`},
		"a long unionid":              {Text: `{"openid":"o1","unionid":"` + strings.Repeat("o", 129) + `"}`},
		"an endless body":             {Body: "huge"},
		"a gzip bomb":                 {Body: "gzip"},
		"a byte now and then":         {Body: "trickle", DelayMS: 100},
		"silence":                     {DelayMS: 60_000},
		"a dropped connection":        {Drop: true},
		"a redirect":                  {Redirect: "https://evil.example/"},
		"status 500":                  {Status: 500},
		"status 502 with a good body": {Status: 502, Text: `{"openid":"o1"}`},
		"status 429":                  {Status: 429},
		"status 403":                  {Status: 403},
		"status 201":                  {Status: 201, Text: `{"openid":"o1"}`},
	} {
		t.Run(name, func(t *testing.T) {
			server := simulate(t)
			client := newClient(t, wechat.Config{BaseURL: server.URL, Timeout: shortTimeout})
			code := server.Code(appID, "ada")
			server.Fault(fault)
			started := time.Now()
			_, failed := logIn(t, client, code)
			requireUnavailable(t, failed)
			require.Less(t, time.Since(started), 40*shortTimeout)
			require.Equal(t, 1, server.Requests().Codes[code])
		})
	}
}

func TestAnAnswerJustWithinTheLimitIsRead(t *testing.T) {
	server := simulate(t)
	client := newClient(t, wechat.Config{BaseURL: server.URL})
	answer := `{"openid":"o1","padding":""}`
	for size, fits := range map[int]bool{64 << 10: true, 64<<10 + 1: false} {
		server.Fault(wechattest.Fault{Text: strings.Replace(answer, `""`, `"`+strings.Repeat("x", size-len(answer))+
			`"`, 1)})
		_, failed := logIn(t, client, "code")
		require.Equal(t, fits, failed == nil)
	}
}

func TestATimedOutCodeMayBeConsumed(t *testing.T) {
	t.Parallel()
	server := simulate(t)
	client := newClient(t, wechat.Config{BaseURL: server.URL, Timeout: shortTimeout})
	code := server.Code(appID, "ada")
	server.Fault(wechattest.Fault{Consume: true, DelayMS: 5000})
	_, failed := logIn(t, client, code)
	requireUnavailable(t, failed)
	require.Equal(t, 1, server.Requests().Codes[code])
	_, failed = logIn(t, client, code)
	require.ErrorIs(t, failed, wechat.ErrCodeUsed)
}

func TestARedirectIsNotFollowed(t *testing.T) {
	var visits int
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits++ }))
	defer evil.Close()
	server := simulate(t)
	client := newClient(t, wechat.Config{BaseURL: server.URL})
	for _, status := range []int{301, 302, 307, 308} {
		server.Fault(wechattest.Fault{Status: status, Redirect: evil.URL})
		_, failed := logIn(t, client, "code")
		requireUnavailable(t, failed)
	}
	require.Zero(t, visits)
}

func TestAnUntrustedCertificateIsUnavailable(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	client := newClient(t, wechat.Config{BaseURL: server.URL})
	_, failed := logIn(t, client, "code")
	requireUnavailable(t, failed)
}

func TestAClosedPortIsUnavailable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	client := newClient(t, wechat.Config{BaseURL: "http://" + listener.Addr().String()})
	_, failed := logIn(t, client, "code")
	requireUnavailable(t, failed)
}

// TestARequestOnABrokenReusedConnectionIsSeenOnce: when a server reads a request on a
// reused connection and then closes it, net/http takes that for a closed idle connection,
// and would send a plain GET a second time.
func TestARequestOnABrokenReusedConnectionIsSeenOnce(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &killer{seen: map[string]int{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.serve(listener)
	}()
	client := newClient(t, wechat.Config{BaseURL: "http://" + listener.Addr().String()})

	_, failed := logIn(t, client, "first")
	require.Nil(t, failed)
	_, failed = logIn(t, client, "second")
	requireUnavailable(t, failed)
	require.NoError(t, listener.Close())
	client.Close()
	<-done
	require.Equal(t, map[string]int{"first": 1, "second": 1}, server.seen)
	require.Equal(t, 1, server.connections, "the connection was not reused, so the test proves nothing")
	require.Zero(t, server.bodies, "a GET must not have a body on the wire")
}

// killer answers the first request of a connection and disconnects on the next.
type killer struct {
	mutex       sync.Mutex
	seen        map[string]int
	connections int
	bodies      int
}

func (k *killer) serve(listener net.Listener) {
	var group sync.WaitGroup
	defer group.Wait()
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		group.Go(func() { k.converse(connection) })
	}
}

func (k *killer) converse(connection net.Conn) {
	defer func() { _ = connection.Close() }()
	k.mutex.Lock()
	k.connections++
	k.mutex.Unlock()
	reader := bufio.NewReader(connection)
	for turn := 0; ; turn++ {
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		k.mutex.Lock()
		k.seen[request.URL.Query().Get("js_code")]++
		if request.ContentLength != 0 || len(request.TransferEncoding) > 0 {
			k.bodies++
		}
		k.mutex.Unlock()
		if turn > 0 {
			return
		}
		_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"openid\":\"o1\"}")
	}
}

func TestConcurrencyIsBounded(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second // so that half of it is long enough
	server := simulate(t)
	client := newClient(t, wechat.Config{BaseURL: server.URL, MaxConcurrent: 1, Timeout: timeout})
	server.Fault(wechattest.Fault{DelayMS: 60_000})
	first := make(chan error, 1)
	go func() {
		_, err := client.CodeToSession(context.Background(), credentials(), "hanging")
		first <- err
	}()
	require.Eventually(t, func() bool { return server.Requests().Codes["hanging"] == 1 }, timeout, time.Millisecond)

	code := server.Code(appID, "ada")
	started := time.Now()
	_, failed := logIn(t, client, code)
	requireUnavailable(t, failed)
	require.Less(t, time.Since(started), 10*timeout)
	require.Zero(t, server.Requests().Codes[code], "a code that got no slot must stay unused")
	require.ErrorIs(t, <-first, wechat.ErrUnavailable)

	_, failed = logIn(t, client, code)
	require.Nil(t, failed)
}
