package keys

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/require"
)

// keySet parses a JWK set without using the code under test.
func keySet(t *testing.T, jwks []byte) []map[string]string {
	t.Helper()
	var set map[string][]map[string]string
	require.NoError(t, json.Unmarshal(jwks, &set))
	require.Len(t, set, 1)
	return set["keys"]
}

func containsKey(t *testing.T, jwks []byte, id string) bool {
	t.Helper()
	return slices.ContainsFunc(keySet(t, jwks), func(key map[string]string) bool { return key["kid"] == id })
}

func TestPublicSetHasPublicMembersOnly(t *testing.T) {
	jwks, _ := newTestSet(t).PublicSet()
	keys := keySet(t, jwks)
	require.Len(t, keys, 2, "the active one first, then the next")
	n := base64.RawURLEncoding.EncodeToString(firstRSA().N.Bytes())
	sum := sha256.Sum256(fmt.Appendf(nil, `{"e":"AQAB","kty":"RSA","n":"%s"}`, n)) // RFC 7638 §3.1
	require.Equal(t, map[string]string{
		"kty": "RSA", "use": "sig", "alg": "RS256", "n": n, "e": "AQAB",
		"kid": base64.RawURLEncoding.EncodeToString(sum[:]),
	}, keys[0])
}

func TestThumbprintOfRFC7638Example(t *testing.T) {
	n, err := base64.RawURLEncoding.DecodeString(
		"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi" +
			"FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_" +
			"FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpb" +
			"ISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw")
	require.NoError(t, err)
	got, err := thumbprint(&rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537})
	require.NoError(t, err)
	require.Equal(t, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", got)
}

func TestETagFollowsTheSet(t *testing.T) {
	set := newTestSet(t)
	jwks, etag := set.PublicSet()
	require.Regexp(t, `^"[A-Za-z0-9_-]{16,}"$`, etag)
	again, sameTag := set.PublicSet()
	require.Equal(t, jwks, again)
	require.Equal(t, etag, sameTag)
	other, err := load(t.Context(), &memoryStore{}, newRing(t, entry("k1", 'a')), options(start, secondRSA))
	require.NoError(t, err)
	_, otherTag := other.PublicSet()
	require.NotEqual(t, etag, otherTag)
}

// TestIndependentVerifierAcceptsToken uses another library's verifier with the published key set.
func TestIndependentVerifierAcceptsToken(t *testing.T) {
	ring := newRing(t, entry("k1", 'a'))
	store := &memoryStore{records: []Record{
		stored(t, ring, 1, firstRSA(), Record{AnnouncedAt: start, SigningAt: start}),
		stored(t, ring, 2, secondRSA(), Record{AnnouncedAt: start}),
	}}
	set, err := load(t.Context(), store, ring, options(start, firstRSA))
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		jwks, _ := set.PublicSet()
		w.Write(jwks)
	}))
	defer server.Close()
	token, err := set.Sign("at+jwt", []byte(`{"sub":"u_1"}`))
	require.NoError(t, err)
	payload, err := oidc.NewRemoteKeySet(t.Context(), server.URL).VerifySignature(t.Context(), string(token))
	require.NoError(t, err)
	require.JSONEq(t, `{"sub":"u_1"}`, string(payload))
}
