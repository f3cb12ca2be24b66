package gateways_test

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// claimsIn returns the claims of a JWT without checking it.
func claimsIn(t *testing.T, token string) map[string]any {
	t.Helper()
	return decodePart(t, strings.Split(token, ".")[1])
}

func decodePart(t *testing.T, part string) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	require.NoError(t, err)
	var members map[string]any
	require.NoError(t, json.Unmarshal(text, &members))
	return members
}

func encodePart(t *testing.T, members map[string]any) string {
	t.Helper()
	text, err := json.Marshal(members)
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(text)
}

// forgeriesOf returns forgeries of a valid token with the same claims, which must be rejected.
func forgeriesOf(t *testing.T, i *harness.Dev, good string) map[string]string {
	t.Helper()
	parts := strings.Split(good, ".")
	header, payload := decodePart(t, parts[0]), parts[1]
	require.Equal(t, "RS256", header["alg"])
	require.Equal(t, "at+jwt", header["typ"])
	with := func(member string, value any) string { // the valid header with one member changed
		changed := map[string]any{}
		for name := range header {
			changed[name] = header[name]
		}
		changed[member] = value
		return encodePart(t, changed) + "." + payload
	}
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	signed := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		signature, err := rsa.SignPKCS1v15(nil, own, crypto.SHA256, sum[:])
		require.NoError(t, err)
		return text + "." + base64.RawURLEncoding.EncodeToString(signature)
	}
	hashed := func(text string, secret []byte) string {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	encode := base64.RawURLEncoding.EncodeToString
	ownJWK := map[string]any{"kty": "RSA", "alg": "RS256", "n": encode(own.N.Bytes()),
		"e": encode(big.NewInt(int64(own.E)).Bytes())}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	require.NoError(t, err)
	signature[7] ^= 1
	claims := claimsIn(t, good)
	claims["sub"] = "somebody-else"
	publicKey := publicKey(t, i)
	return map[string]string{
		"a bit of the signature changed":       parts[0] + "." + payload + "." + encode(signature),
		"no signature":                         parts[0] + "." + payload + ".",
		"somebody else's sub":                  parts[0] + "." + encodePart(t, claims) + "." + parts[2],
		"a key of the caller":                  signed(parts[0] + "." + payload),
		"a key in the token":                   signed(with("jwk", ownJWK)),
		"an unknown kid":                       signed(with("kid", "nobody-s")),
		"alg none":                             with("alg", "none") + ".",
		"alg none, the signature left":         with("alg", "none") + "." + parts[2],
		"HS256 with the public key (PEM)":      hashed(with("alg", "HS256"), publicKey),
		"HS256 with the public key, trimmed":   hashed(with("alg", "HS256"), bytes.TrimSpace(publicKey)),
		"HS256 with an empty secret":           hashed(with("alg", "HS256"), nil),
		"another algorithm of the same family": with("alg", "RS512") + "." + parts[2],
		"no token at all":                      "x",
	}
}

// publicKey returns the only public key as PEM, for attacks that use it as an HMAC secret.
func publicKey(t *testing.T, i *harness.Dev) []byte {
	t.Helper()
	response, err := http.Get(i.Issuer + "/.well-known/jwks.json")
	require.NoError(t, err)
	defer response.Body.Close()
	var set struct {
		Keys []struct{ N, E string }
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&set))
	require.NotEmpty(t, set.Keys)
	n, err := base64.RawURLEncoding.DecodeString(set.Keys[0].N)
	require.NoError(t, err)
	e, err := base64.RawURLEncoding.DecodeString(set.Keys[0].E)
	require.NoError(t, err)
	key, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: new(big.Int).SetBytes(n),
		E: int(new(big.Int).SetBytes(e).Int64())})
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: key})
}
