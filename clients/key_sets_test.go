package clients

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
)

// jwksServer publishes a key set, and counts how often it is read.
type jwksServer struct {
	*httptest.Server
	reads  atomic.Int32
	answer atomic.Value // http.HandlerFunc
}

func newJWKSServer(t *testing.T) *jwksServer {
	t.Helper()
	s := &jwksServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.reads.Add(1)
		s.answer.Load().(http.HandlerFunc)(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *jwksServer) publish(text string) {
	s.answer.Store(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }))
}

// jwksOf returns a key set with one key, made of a seed.
func jwksOf(id string, seed byte) (string, ed25519.PrivateKey) {
	private := ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune(seed)), ed25519.SeedSize)))
	public := base64.RawURLEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
	return fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":%q,"x":%q}]}`, id, public), private
}

// token returns a token of a key.
func token(id string, key ed25519.PrivateKey) []byte {
	encode := base64.RawURLEncoding.EncodeToString
	input := encode(fmt.Appendf(nil, `{"alg":"EdDSA","kid":%q}`, id)) + "." + encode([]byte(`{}`))
	return []byte(input + "." + encode(ed25519.Sign(key, []byte(input))))
}

// TestKeySetsAreReadAgain when a key is unknown, but not for each forged token, and the keys from before count while
// the set cannot be read.
func TestKeySetsAreReadAgain(t *testing.T) {
	t.Parallel()
	server := newJWKSServer(t)
	now := time.Now()
	sets := newKeySets("http://127.0.0.1", func() time.Time { return now })
	client := identity.Client{ID: "shop", JWKSURI: server.URL + "/jwks"}
	knows := func(id string, key ed25519.PrivateKey) error {
		var err error
		for _, outdated := range []bool{false, true} {
			var set keys.Foreign
			if set, err = sets.of(context.Background(), client, outdated); err == nil {
				if _, err = set.Verify(token(id, key), ""); err == nil {
					return nil
				}
			}
		}
		return err
	}
	first, firstKey := jwksOf("1", 'a')
	second, secondKey := jwksOf("2", 'b')
	server.publish(first)
	require.NoError(t, knows("1", firstKey))
	require.NoError(t, knows("1", firstKey))
	require.EqualValues(t, 1, server.reads.Load())
	for range 100 {
		require.ErrorIs(t, knows("forged", firstKey), keys.ErrUnknownKey)
	}
	require.EqualValues(t, 1, server.reads.Load())
	now = now.Add(keySetPause)
	server.publish(second)
	require.NoError(t, knows("2", secondKey))
	require.ErrorIs(t, knows("1", firstKey), keys.ErrUnknownKey)
	require.EqualValues(t, 2, server.reads.Load())

	for name, answer := range map[string]http.HandlerFunc{
		"an error":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusFound) },
		"too large": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(second + strings.Repeat(" ", maxKeySet)))
		},
		"no keys": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) },
		"no end": func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		},
	} {
		server.answer.Store(answer)
		now = now.Add(keySetAge)
		before := server.reads.Load()
		require.NoError(t, knows("2", secondKey), name)
		require.NoError(t, knows("2", secondKey), name)
		require.Equal(t, before+1, server.reads.Load(), name)
	}
	now = now.Add(keySetGrace)
	require.Error(t, knows("2", secondKey), "for ever")
	server.publish(second)
	now = now.Add(keySetPause)
	require.NoError(t, knows("2", secondKey))
}

// TestKeySetsElsewhere: the key set of a client does not make this server reach into the operator's network (SSRF).
func TestKeySetsElsewhere(t *testing.T) {
	t.Parallel()
	server := newJWKSServer(t)
	text, _ := jwksOf("1", 'a')
	server.publish(text)
	sets := newKeySets("https://login.example.com", time.Now)
	for _, uri := range []string{server.URL, strings.Replace(server.URL, "127.0.0.1", "localhost", 1),
		"http://169.254.169.254/latest", "http://10.0.0.1/"} {
		_, err := sets.of(t.Context(), identity.Client{JWKSURI: uri}, false)
		require.ErrorContains(t, err, "is not public")
	}
	require.Zero(t, server.reads.Load())
}

// TestASlowKeySet: others who need the set wait for the one attempt and then get its error at once.
func TestASlowKeySet(t *testing.T) {
	t.Parallel()
	server := newJWKSServer(t)
	server.answer.Store(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	sets := newKeySets("http://127.0.0.1", time.Now)
	failures := make(chan error)
	for range 20 {
		go func() {
			_, err := sets.of(t.Context(), identity.Client{JWKSURI: server.URL}, false)
			failures <- err
		}()
	}
	for range 20 {
		require.Error(t, <-failures)
	}
	require.EqualValues(t, 1, server.reads.Load())
}

// TestFloodsOfAssertions: somebody sends assertions in the name of a client whose server hangs. Only a few of them
// wait, since the requests of all clients share the places that they hold.
func TestFloodsOfAssertions(t *testing.T) {
	t.Parallel()
	server := newJWKSServer(t)
	text, _ := jwksOf("1", 'a')
	answer, asked := make(chan struct{}), make(chan struct{}, 1)
	server.answer.Store(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-answer:
			_, _ = w.Write([]byte(text))
		case <-r.Context().Done():
		}
	}))
	now := time.Now()
	sets := newKeySets("http://127.0.0.1", func() time.Time { return now })
	flood := func(outdated bool) <-chan error {
		failures := make(chan error, 1+3*maxWaiting)
		one := func() {
			_, err := sets.of(t.Context(), identity.Client{JWKSURI: server.URL}, outdated)
			failures <- err
		}
		go one()
		<-asked
		for range 3 * maxWaiting {
			go one()
		}
		return failures
	}
	for _, outdated := range []bool{false, true} {
		failures := flood(outdated)
		for range 2 * maxWaiting {
			require.ErrorIs(t, <-failures, errKeySetBusy)
		}
		if outdated {
			_, err := sets.of(t.Context(), identity.Client{JWKSURI: server.URL}, false)
			require.NoError(t, err, "requests with a known key do not wait")
		}
		answer <- struct{}{}
		for range 1 + maxWaiting {
			require.NoError(t, <-failures)
		}
		now = now.Add(keySetPause)
	}
	now = now.Add(keySetAge)
	failures := flood(false)
	for range 3 * maxWaiting {
		require.NoError(t, <-failures, "the old keys count while the set is read")
	}
	answer <- struct{}{}
	require.NoError(t, <-failures)

	now = now.Add(keySetGrace + keySetAge)
	failures = flood(false)
	for range 2 * maxWaiting {
		require.ErrorIs(t, <-failures, errKeySetBusy, "but not for ever")
	}
	answer <- struct{}{}
	for range 1 + maxWaiting {
		require.NoError(t, <-failures)
	}
	require.EqualValues(t, 4, server.reads.Load())
}
