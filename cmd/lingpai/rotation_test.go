package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// rotating is a fleet behind a load balancer whose keys rotate every few seconds.
type rotating struct {
	*fleet
	issuer string
	secret string // of nightly-report
}

// rotatingFor is a little longer than two keys sign.
const rotatingFor = 24 * time.Second

func newRotating(t *testing.T, env ...string) *rotating {
	t.Helper()
	r := &rotating{}
	var turn atomic.Uint64
	balancer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		to := &url.URL{Scheme: "http", Host: r.replicas[turn.Add(1)%2].addr}
		httputil.NewSingleHostReverseProxy(to).ServeHTTP(w, request)
	}))
	t.Cleanup(balancer.Close)
	r.issuer = balancer.URL
	r.fleet = onSharedServers(t, append(env, "LINGPAI_SERVER_ISSUER="+r.issuer, "LINGPAI_KEYS_ANNOUNCE=5s",
		"LINGPAI_KEYS_RETIRE=10s", "LINGPAI_TOKEN_ACCESS_TTL=5s")...)
	r.secret = secretIn(t, r.ok("clients", "create", serviceClient, "--grant", "client_credentials", "--audience",
		audience))
	return r
}

// token returns an access token of the service, from either replica.
func (r *rotating) token() (string, error) {
	a, err := r.replicas[r.turn.Add(1)%2].token("", "client_id", serviceClient, "client_secret", r.secret,
		"grant_type", "client_credentials")
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%d %s", a.status, a.members.Error)
	}
	return a.members.AccessToken, err
}

// kept is a verifier that caches the key set for its max-age, and does not fetch it before, even for an unknown key.
type kept struct {
	url     string
	keys    *oidc.RemoteKeySet
	fetched time.Time
}

func (k *kept) verify(ctx context.Context, token string) error {
	if time.Since(k.fetched) > 2*time.Second { // the max-age that goes with keys.announce=5s
		k.fetched = time.Now()
		k.keys = oidc.NewRemoteKeySet(oidc.ClientContext(ctx, &http.Client{Transport: &once{}}), k.url)
	}
	_, err := k.keys.VerifySignature(ctx, token)
	return err
}

// once makes one request.
type once struct{ used atomic.Bool }

func (o *once) RoundTrip(r *http.Request) (*http.Response, error) {
	if o.used.Swap(true) {
		return nil, http.ErrServerClosed
	}
	return http.DefaultTransport.RoundTrip(r)
}

// TestKeysRotateUnderLoad: two servers rotate every eight seconds, and verifiers cache as their libraries do. No token
// is rejected between the announcement and the end of a key, each rotation happens once, and the secret of refresh
// tokens rotates too without ending a session.
func TestKeysRotateUnderLoad(t *testing.T) {
	t.Parallel()
	node, folder := installLibraries(t)
	r := newRotating(t, "LINGPAI_KEYS_INTERVAL=8s")
	ctx, cancel := context.WithTimeout(t.Context(), rotatingFor)
	defer cancel()
	var running sync.WaitGroup
	var checked, refreshed atomic.Int64
	for name, verify := range map[string]func(context.Context, string) error{
		"keeps the set": (&kept{url: r.issuer + "/.well-known/jwks.json"}).verify,
		"go-oidc": func() func(context.Context, string) error {
			keys := oidc.NewRemoteKeySet(t.Context(), r.issuer+"/.well-known/jwks.json")
			return func(ctx context.Context, token string) error {
				_, err := keys.VerifySignature(ctx,
					token)
				return err
			}
		}(),
	} {
		running.Go(func() {
			for ctx.Err() == nil || checked.Load() < 200 {
				token, err := r.token()
				if err == nil {
					err = verify(t.Context(), token)
				}
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				checked.Add(1)
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	for n := range 4 {
		refresh, err := r.ask("", "grant_type", "wechat_code", "code", r.code(fmt.Sprint("user-", n)))
		require.NoError(t, err)
		running.Go(func() {
			for ctx.Err() == nil || refreshed.Load() < 200 {
				if refresh, err = r.ask("", "grant_type", "refresh_token", "refresh_token", refresh); err != nil {
					t.Errorf("a session was lost: %v", err)
					return
				}
				refreshed.Add(1)
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	running.Go(func() { r.joseVerifies(t, node, folder) })
	running.Go(func() { r.sdkVerifies(t) })
	running.Wait()
	r.requireEachOnce(t)
	t.Logf("%d tokens checked in Go, %d refreshes", checked.Load(), refreshed.Load())
}

func (r *rotating) environment() []string {
	return append(os.Environ(), "ISSUER="+r.issuer, "AUDIENCE="+audience, "SERVICE="+serviceClient,
		"SERVICE_SECRET="+r.secret,
		"LINGPAI_TEST_ROTATING_ISSUER="+r.issuer, "LINGPAI_TEST_AUDIENCE="+audience,
		"SECONDS="+strconv.Itoa(int(rotatingFor.Seconds())), "LINGPAI_TEST_SECONDS="+
			strconv.Itoa(int(rotatingFor.Seconds())), "GOWORK=off")
}

func (r *rotating) joseVerifies(t *testing.T, node, folder string) {
	cmd := exec.CommandContext(t.Context(), node, "rotating.mjs")
	cmd.Dir, cmd.Env = folder, r.environment()
	out, err := cmd.CombinedOutput()
	var said struct {
		Tokens  int
		Refused []string
		Kids    []string
	}
	if err != nil || json.Unmarshal(out, &said) != nil || len(said.Refused) > 0 || len(said.Kids) < 3 {
		t.Errorf("jose: %v: %s", err, out)
	}
	t.Logf("jose: %s", out)
}

func (r *rotating) sdkVerifies(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "-run", "TestAgainstARotatingIssuer", ".")
	refresh, err := r.ask("", "grant_type", "wechat_code", "code", r.code("reader"))
	if err != nil {
		t.Errorf("sdk/verify: %v", err)
		return
	}
	cmd.Dir, cmd.Env = filepath.Join("..", "..", "sdk", "verify"), append(r.environment(),
		"LINGPAI_TEST_PUBLIC_CLIENT=shop", "LINGPAI_TEST_REFRESH_TOKEN="+refresh)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sdk/verify: %v: %s", err, out)
	} else {
		t.Logf("sdk/verify: %s", out)
	}
}

// requireEachOnce requires that each key was used for its interval: two servers did not rotate twice.
func (r *rotating) requireEachOnce(t *testing.T) {
	t.Helper()
	database, _ := r.shared()
	records, err := database.Keys().Keys(t.Context())
	require.NoError(t, err)
	used := map[string][]time.Time{}
	for _, k := range records {
		if !k.SigningAt.IsZero() {
			used[string(k.Purpose)] = append(used[string(k.Purpose)], k.SigningAt)
			require.True(t, k.Sequence == 1 || k.SigningAt.Sub(k.AnnouncedAt) >= 5*time.Second)
		}
	}
	for purpose, instants := range used {
		require.GreaterOrEqual(t, len(instants), 3, purpose)
		for n := 1; n < len(instants); n++ {
			require.GreaterOrEqual(t, instants[n].Sub(instants[n-1]), 8*time.Second, purpose)
		}
	}
}

// TestAStolenKeyIsRevoked: within seconds both servers sign with a key that verifiers already know, and tokens of the
// stolen key are rejected everywhere once cached key sets have expired.
func TestAStolenKeyIsRevoked(t *testing.T) {
	t.Parallel()
	r := newRotating(t)
	stolen, err := r.token()
	require.NoError(t, err)
	strict, elsewhere := &kept{url: r.issuer + "/.well-known/jwks.json"},
		&kept{url: r.issuer + "/.well-known/jwks.json"}
	require.NoError(t, strict.verify(t.Context(), stolen))
	require.NoError(t, elsewhere.verify(t.Context(), stolen))
	time.Sleep(5 * time.Second) // keys.announce: the standby is known everywhere
	require.NoError(t, strict.verify(t.Context(), stolen))
	kid := kidOf(t, stolen)
	require.Contains(t, r.refused("keys", "revoke", "--", kid), "add --now to confirm")
	require.Contains(t, r.refused("keys", "revoke", "--now", "--", "-x"), `there is no key "-x"`)
	require.Contains(t, r.ok("keys", "rotate", "--purpose", "refresh"), "the refresh key is ")
	require.Len(t, r.listed("events", "list", "--kind", identity.EventKeyRotated), 1)
	said := r.ok("keys", "revoke", "--now", "--", kid)
	require.Contains(t, said, "revoked "+kid+" at ")
	require.Contains(t, said, "reject the revoked key from ")
	require.NotContains(t, said, "has not been published for keys.announce")
	require.Eventually(t, func() bool { // servers look every two seconds
		for range r.replicas {
			if token, err := r.token(); err != nil || kidOf(t, token) == kid {
				return false
			}
		}
		return true
	}, patience, 100*time.Millisecond)
	strict.fetched = time.Now().Add(time.Hour) // it keeps a set from before the emergency: the key was announced
	for range 20 {
		token, err := r.token()
		require.NoError(t, err)
		require.NotEqual(t, kid, kidOf(t, token))
		require.NoError(t, strict.verify(t.Context(), token))
	}
	require.NoError(t, strict.verify(t.Context(), stolen), "which a set from before still has")
	elsewhere.fetched = time.Time{}
	require.Error(t, elsewhere.verify(t.Context(), stolen))
	for _, replica := range r.replicas {
		require.Eventually(t, func() bool { return r.listSignedBy(t, replica) != kid }, patience,
			100*time.Millisecond, "nobody takes a list by the stolen key")
		response, err := http.Get("http://" + replica.addr + "/readyz")
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
}

// listSignedBy returns the id of the key that signed a server's list of revocations.
func (r *rotating) listSignedBy(t *testing.T, replica *replica) string {
	response, err := http.Get("http://" + replica.addr + "/revocations")
	require.NoError(t, err)
	defer response.Body.Close()
	list, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return kidOf(t, string(list))
}

// kidOf returns the id of the key that signed a token.
func kidOf(t *testing.T, token string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	require.NoError(t, err)
	var header struct {
		ID string `json:"kid"`
	}
	require.NoError(t, json.Unmarshal(text, &header))
	return header.ID
}
