package provider_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// receiver is a client's back-channel logout endpoint. It answers with a status.
type receiver struct {
	*httptest.Server
	mutex  sync.Mutex
	status int
	tokens []string
}

func newReceiver(t *testing.T, status int) *receiver {
	t.Helper()
	r := &receiver{status: status}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		r.tokens = append(r.tokens, request.PostFormValue("logout_token"))
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(r.status)
		_, _ = io.Copy(w, io.LimitReader(endless{}, 1<<20))
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(status int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.status = status
}

// received returns the tokens since the last call.
func (r *receiver) received() []string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	tokens := r.tokens
	r.tokens = nil
	return tokens
}

// notify makes a client receive logout tokens.
func (w *web) notify(client, uri string) {
	w.t.Helper()
	record, err := w.database.Clients().Find(w.t.Context(), client)
	require.NoError(w.t, err)
	record.BackchannelLogoutURI = uri
	require.NoError(w.t, w.database.Clients().Update(w.t.Context(), record))
}

// TestBackchannelLogout tells each client of the browser session, and only those (Back-Channel Logout §2).
func TestBackchannelLogout(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	shop, spa := newReceiver(t, http.StatusOK), newReceiver(t, http.StatusNoContent)
	w.notify("shop", shop.URL+"/logout?tenant=1")
	w.notify("spa", spa.URL)
	v := w.visitor()
	first, offline := v.tokens("alice", "shop"), v.more("shop", "scope", "openid offline_access")
	second := v.more("spa")
	bob := w.visitor()
	bob.tokens("bob", "shop")
	require.NoError(t, w.notices.SendDue(t.Context()))
	require.Empty(t, shop.received(), "nothing has ended")

	v.open(logout("id_token_hint", second.text("id_token")))
	require.NoError(t, w.notices.SendDue(t.Context()))
	var told []any
	for _, token := range shop.received() {
		claims := claimsOf(t, token)
		told = append(told, claims["sid"])
		require.Equal(t, "shop", claims["aud"])
		require.Equal(t, claimsOf(t, first.text("id_token"))["sub"], claims["sub"])
		require.Equal(t, w.issuer, claims["iss"])
		require.Equal(t, map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
			claims["events"])
		require.InDelta(t, 120, claims["exp"].(float64)-claims["iat"].(float64), 0)
		require.NotEmpty(t, claims["jti"])
		require.NotContains(t, claims, "nonce")
		require.Equal(t, http.StatusBadRequest, w.visitor().open(logout("id_token_hint", token)).status)
		requireError(t, w.userinfo(token), http.StatusUnauthorized, "invalid_token")
	}
	require.ElementsMatch(t, []any{claimsOf(t, first.text("id_token"))["sid"],
		claimsOf(t, offline.text("id_token"))["sid"]}, told)
	require.Len(t, spa.received(), 1)
	w.clock.Move(2 * time.Hour)
	require.NoError(t, w.notices.SendDue(t.Context()))
	require.Empty(t, append(shop.received(), spa.received()...), "they are sent once")
}

// TestUndeliveredNotices are sent again for a day, unless the client refuses them; redirects are not followed.
func TestUndeliveredNotices(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusInternalServerError, http.StatusFound, http.StatusBadRequest} {
		w := newWeb(t)
		shop := newReceiver(t, status)
		w.notify("shop", shop.URL+"?key=the-secret-of-the-client")
		v := w.visitor()
		v.tokens("alice", "shop")
		v.submit(v.open("/sign-out"))
		attempts := 0
		for range 30 {
			require.NoError(t, w.notices.SendDue(t.Context()))
			attempts += len(shop.received())
			w.clock.Move(61 * time.Minute)
		}
		if status == http.StatusBadRequest {
			require.Equal(t, 1, attempts)
		} else {
			require.Equal(t, 25, attempts)
		}
		events, err := w.database.Events().List(t.Context(), identity.EventsOf{}, 1)
		require.NoError(t, err)
		require.Equal(t, identity.EventNoticeUndelivered, events[0].Kind)
		require.Contains(t, events[0].Detail, "the client answered")
		require.NotContains(t, w.log.String(), "the-secret-of-the-client")
	}
}

// TestOneSilentClient: a client that does not answer does not delay the notices of others for long.
func TestOneSilentClient(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	var asked atomic.Int32
	dead := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(dead.Close)
	spa := newReceiver(t, http.StatusOK)
	w.notify("shop", dead.URL)
	w.notify("spa", spa.URL)
	v, other := w.visitor(), w.visitor()
	v.tokens("alice", "shop")
	v.more("shop")
	other.tokens("bob", "spa")
	v.submit(v.open("/sign-out"))
	require.NoError(t, w.notices.SendDue(t.Context()))
	require.EqualValues(t, 2, asked.Load())

	w.clock.Move(20 * time.Second)
	v.tokens("alice", "shop")
	v.submit(v.open("/sign-out"))
	other.submit(other.open("/sign-out"))
	require.NoError(t, w.notices.SendDue(t.Context()))
	require.Len(t, spa.received(), 1)
	require.EqualValues(t, 2, asked.Load(), "nobody waits for it again")

	w.clock.Move(2 * time.Minute)
	require.NoError(t, w.notices.SendDue(t.Context()))
	require.EqualValues(t, 5, asked.Load(), "it is tried again")
}

// TestAnAnswerWithoutEnd: a client that begins to answer and never ends holds up nobody. Another client answers only
// once the connection to the first is closed, and its notice is sent before.
func TestAnAnswerWithoutEnd(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	asked, closed := make(chan struct{}), make(chan struct{})
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(closed)
	}))
	t.Cleanup(endless.Close)
	waiting := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(asked)
		select {
		case <-closed:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(waiting.Close)
	w.notify("shop", waiting.URL)
	w.notify("spa", endless.URL)
	v, other := w.visitor(), w.visitor()
	v.tokens("alice", "shop")
	other.tokens("bob", "spa")
	v.submit(v.open("/sign-out"))
	sent := make(chan error, 1)
	go func() { sent <- w.notices.SendDue(t.Context()) }()
	<-asked
	other.submit(other.open("/sign-out"))
	require.NoError(t, w.notices.SendDue(t.Context()))
	require.NoError(t, <-sent)
	require.NotContains(t, w.log.String(), "logout notice")
}

// TestRepeatedNotice is sent again after the client has failed, with a new token.
func TestRepeatedNotice(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	shop := newReceiver(t, http.StatusBadGateway)
	w.notify("shop", shop.URL)
	v := w.visitor()
	v.tokens("alice", "shop")
	v.submit(v.open("/sign-out"))
	require.NoError(t, w.notices.SendDue(t.Context()))
	failed := shop.received()
	require.Len(t, failed, 1)
	shop.answer(http.StatusOK)
	w.clock.Move(61 * time.Second)
	require.NoError(t, w.notices.SendDue(t.Context()))
	again := shop.received()
	require.Len(t, again, 1)
	require.NotEqual(t, claimsOf(t, failed[0])["jti"], claimsOf(t, again[0])["jti"])
	require.Equal(t, claimsOf(t, failed[0])["sid"], claimsOf(t, again[0])["sid"])
}

// TestMetadataOfLogout (RP-Initiated Logout §2.1, Back-Channel Logout §2.1): sessions are not watched in other ways.
func TestMetadataOfLogout(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	members := w.get("/.well-known/openid-configuration", nil).members
	require.Equal(t, w.issuer+"/end-session", members["end_session_endpoint"])
	require.Equal(t, true, members["backchannel_logout_supported"])
	require.Equal(t, true, members["backchannel_logout_session_supported"])
	require.NotContains(t, members, "frontchannel_logout_supported")
	require.NotContains(t, members, "check_session_iframe")
}

// TestFailuresThatNameWhatAClientSent are given up as any other, and what the audit log keeps of them is short and can
// be stored: the certificate of a client's server may contain any name.
func TestFailuresThatNameWhatAClientSent(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	certificate, err := tls.X509KeyPair(certificateFor(t, "a\x00b", strings.Repeat("c", 5000)))
	require.NoError(t, err)
	shop := httptest.NewUnstartedServer(http.NotFoundHandler())
	shop.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	shop.Config.ErrorLog = log.New(io.Discard, "", 0)
	shop.StartTLS()
	t.Cleanup(shop.Close)
	w.notify("shop", strings.Replace(shop.URL, "127.0.0.1", "localhost", 1))
	v := w.visitor()
	v.tokens("alice", "shop")
	v.submit(v.open("/sign-out"))
	w.clock.Move(25 * time.Hour)
	require.NoError(t, w.notices.SendDue(t.Context()))
	events, err := w.database.Events().List(t.Context(), identity.EventsOf{}, 1)
	require.NoError(t, err)
	require.Equal(t, identity.EventNoticeUndelivered, events[0].Kind)
	require.Contains(t, events[0].Detail, "certificate")
	require.Less(t, len(events[0].Detail), 300)
}

// certificateFor returns a certificate for names, and its key, as PEM.
func certificateFor(t *testing.T, names ...string) (certificate, key []byte) {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names, NotAfter: time.Now().Add(time.Hour)}
	certificate, err = x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	require.NoError(t, err)
	key, err = x509.MarshalPKCS8PrivateKey(signer)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
}
