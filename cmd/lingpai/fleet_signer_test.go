package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sharesAssertions requires that an assertion counts once at all replicas together, one after the other and at once.
func (f *fleet) sharesAssertions(t *testing.T) {
	request := f.signer(t)
	once := map[int]int{http.StatusOK: 1, http.StatusUnauthorized: 2}
	for n := range 8 {
		parameters, statuses, atOnce := request(), map[int]int{}, n >= 4
		var mutex sync.Mutex
		var asking sync.WaitGroup
		for _, r := range []*replica{f.replicas[n%2], f.replicas[(n+1)%2], f.replicas[n%2]} {
			asking.Go(func() {
				a, err := r.token("", parameters...)
				mutex.Lock()
				defer mutex.Unlock()
				if err == nil {
					statuses[a.status]++
				}
			})
			if !atOnce {
				asking.Wait()
			}
		}
		asking.Wait()
		require.Equal(t, once, statuses)
	}
}

// signer creates a client that authenticates with a key of its own, and returns what makes requests for a token, each
// with a new assertion (RFC 7523).
func (f *fleet) signer(t *testing.T) (request func() []string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	file := filepath.Join(t.TempDir(), "jwks.json")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil,
		`{"keys":[{"kty":"OKP","crv":"Ed25519","x":%q}]}`, encode(public)), 0o600))
	f.ok("clients", "create", "signer", "--grant", "client_credentials", "--jwks-file", file)
	return func() []string {
		claims, err := json.Marshal(map[string]any{"iss": "signer", "sub": "signer", "aud": fleetIssuer,
			"jti": rand.Text(), "exp": time.Now().Add(time.Minute).Unix()})
		require.NoError(t, err)
		input := encode([]byte(`{"alg":"EdDSA"}`)) + "." + encode(claims)
		return []string{"client_id", "", "grant_type", "client_credentials", "client_assertion_type",
			"urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion",
			input + "." + encode(ed25519.Sign(private, []byte(input)))}
	}
}
