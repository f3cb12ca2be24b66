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
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sharesAssertions requires that an assertion counts once at all replicas together.
func (f *fleet) sharesAssertions(t *testing.T) {
	assert := f.signer(t)
	for n := range 4 {
		assertion, statuses := assert(), map[int]int{}
		for _, r := range []*replica{f.replicas[n%2], f.replicas[(n+1)%2], f.replicas[n%2]} {
			a := f.token(t, r, "client_id", "", "grant_type", "client_credentials", "client_assertion_type",
				"urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", assertion)
			statuses[a.status]++
		}
		require.Equal(t, map[int]int{http.StatusOK: 1, http.StatusUnauthorized: 2}, statuses)
	}
}

// signer creates a client that authenticates with a key of its own, and returns what makes its assertions (RFC 7523).
func (f *fleet) signer(t *testing.T) (assert func() string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	file := filepath.Join(t.TempDir(), "jwks.json")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil,
		`{"keys":[{"kty":"OKP","crv":"Ed25519","x":%q}]}`, encode(public)), 0o600))
	f.ok("clients", "create", "signer", "--grant", "client_credentials", "--jwks-file", file)
	return func() string {
		claims, err := json.Marshal(map[string]any{"iss": "signer", "sub": "signer", "aud": fleetIssuer,
			"jti": rand.Text(), "exp": time.Now().Add(time.Minute).Unix()})
		require.NoError(t, err)
		input := encode([]byte(`{"alg":"EdDSA"}`)) + "." + encode(claims)
		return input + "." + encode(ed25519.Sign(private, []byte(input)))
	}
}
