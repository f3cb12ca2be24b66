package provider_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// slowSessions blocks look-ups of sessions until they are released.
type slowSessions struct {
	identity.Sessions
	came chan struct{}
	hold chan struct{}
}

func (s *slowSessions) Find(ctx context.Context, id string) (identity.Session, time.Time, error) {
	if s.hold != nil {
		s.came <- struct{}{}
		<-s.hold
	}
	return s.Sessions.Find(ctx, id)
}

// TestTooManyAtOnce: beyond the limit the answer is 503 at once and nothing is done. Passwords, codes and the key set
// are not affected.
func TestTooManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newEnv(t, func(s *settings) { s.inFlight = 3 })
	signedIn := w.signIn("alice", "scope", "openid api")
	access, refresh := signedIn.text("access_token"), signedIn.text("refresh_token")
	hold := make(chan struct{})
	w.slow.came, w.slow.hold = make(chan struct{}, 100), hold
	var held sync.WaitGroup
	answers := make(chan answer, 3)
	for range 3 {
		held.Go(func() { answers <- w.token(refreshForm(refresh)) })
		<-w.slow.came
	}
	for name, a := range map[string]answer{
		"refresh":            w.token(refreshForm(refresh)),
		"client_credentials": w.token(serviceForm()),
		"userinfo":           w.userinfo(access),
		"verify":             w.verify(access, ""),
		"introspect":         w.introspect(access),
		"revoke":             w.revoke(refresh),
		"revocations":        w.get("/revocations", nil),
	} {
		requireError(t, a, http.StatusServiceUnavailable, "temporarily_unavailable")
		require.Equal(t, "1", a.header.Get("Retry-After"), name)
	}
	require.Equal(t, http.StatusOK, w.get("/.well-known/jwks.json", nil).status)
	require.Equal(t, http.StatusOK, w.get("/healthz", nil).status)
	require.Equal(t, http.StatusOK, w.token(passwordForm("alice", testPassword)).status)
	require.Equal(t, http.StatusOK, w.token(w.wechatCode("bob")).status)
	close(hold)
	held.Wait()
	for range 3 {
		require.Equal(t, http.StatusOK, (<-answers).status)
	}
	w.slow.hold = nil
	for range 4 { // more than there are slots
		require.Equal(t, http.StatusOK, w.userinfo(access).status, "the slots are free again, and nothing was revoked")
		require.Equal(t, http.StatusOK, w.introspect(access).status)
		require.Equal(t, http.StatusNoContent, w.verify(access, "").status)
		require.Equal(t, http.StatusOK, w.revoke("unknown").status)
	}
}

// TestSlowBodiesHoldNoSlot: anybody can send a header and one byte, without a token.
func TestSlowBodiesHoldNoSlot(t *testing.T) {
	t.Parallel()
	w := newEnv(t, func(s *settings) { s.inFlight = 3 })
	refresh := w.signIn("alice").text("refresh_token")
	var slow []net.Conn
	for _, path := range []string{"/revoke", "/introspect", "/userinfo", "/token", "/wechat/app_token",
		"/wechat/data/decrypt", "/account/v1/users", "/verify"} {
		for range 16 {
			connection, err := net.Dial("tcp", w.server.Listener.Addr().String())
			require.NoError(t, err)
			t.Cleanup(func() { connection.Close() })
			_, err = connection.Write([]byte("POST " + path +
				" HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Type: " +
				"application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\na"))
			require.NoError(t, err)
			slow = append(slow, connection)
		}
	}
	// the server sends "continue" when it reads the body, or rejects the request at once
	for _, connection := range slow {
		require.NoError(t, connection.SetDeadline(time.Now().Add(time.Minute)))
		_, err := connection.Read(make([]byte, 1))
		require.NoError(t, err)
	}
	for range 5 {
		a := w.token(refreshForm(refresh))
		requireTokens(t, a)
		refresh = a.text("refresh_token")
		require.Equal(t, http.StatusOK, w.token(passwordForm("alice", testPassword)).status)
	}
}

// TestTheBodyOfAGETIsIgnored: no endpoint reads one, and a gateway may pass on what its caller uploads.
func TestTheBodyOfAGETIsIgnored(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	access := w.signIn("alice", "scope", "openid api").text("access_token")
	connection, err := net.Dial("tcp", w.server.Listener.Addr().String())
	require.NoError(t, err)
	defer connection.Close()
	_, err = connection.Write([]byte("GET /userinfo HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + access +
		"\r\nContent-Length: 70000\r\n\r\n" + strings.Repeat("x", 70_000)))
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
}
