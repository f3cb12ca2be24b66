package keys_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/keys"
)

// foreignKeys are private keys of somebody else, by kid.
func foreignKeys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return map[string]crypto.Signer{"rsa": rsaKey, "ec": ecKey, "ed": edKey}
}

// keySetOf returns the JWK set of public keys, with members that are added to each.
func keySetOf(t *testing.T, signers map[string]crypto.Signer, members map[string]any) []byte {
	t.Helper()
	var all []jwk.Key
	for id, signer := range signers {
		key, err := jwk.FromRaw(signer.Public())
		require.NoError(t, err)
		require.NoError(t, key.Set("kid", id))
		for name, value := range members {
			require.NoError(t, key.Set(name, value))
		}
		all = append(all, key)
	}
	text, err := json.Marshal(map[string]any{"keys": all})
	require.NoError(t, err)
	return text
}

// signed returns a token with header members besides alg.
func signed(t *testing.T, algorithm jwa.SignatureAlgorithm, key any, members map[string]any) []byte {
	t.Helper()
	header := jws.NewHeaders()
	for name, value := range members {
		require.NoError(t, header.Set(name, value))
	}
	token, err := jws.Sign([]byte(`{"sub":"x"}`), jws.WithKey(algorithm, key, jws.WithProtectedHeaders(header)))
	require.NoError(t, err)
	return token
}

func TestForeignTokens(t *testing.T) {
	t.Parallel()
	signers := foreignKeys(t)
	set, err := keys.ParseForeign(keySetOf(t, signers, nil))
	require.NoError(t, err)
	algorithms := map[jwa.SignatureAlgorithm]string{jwa.RS256: "rsa", jwa.PS256: "rsa", jwa.ES256: "ec",
		jwa.EdDSA: "ed"}
	require.Len(t, keys.ForeignAlgorithms(), len(algorithms))
	for algorithm, id := range algorithms {
		for _, header := range []map[string]any{{"kid": id}, {"kid": id, "typ": "JWT"}, {}} {
			payload, err := set.Verify(signed(t, algorithm, signers[id], header), "", "JWT")
			require.NoError(t, err, "%s %v", algorithm, header)
			require.JSONEq(t, `{"sub":"x"}`, string(payload))
		}
	}
}

// TestForgedForeignTokens are not accepted: no signature, another key, another algorithm of the key (an RSA key as a
// secret of HMAC), kid as a path, types of other tokens, extensions.
func TestForgedForeignTokens(t *testing.T) {
	t.Parallel()
	signers, others := foreignKeys(t), foreignKeys(t)
	jwks := keySetOf(t, signers, nil)
	set, err := keys.ParseForeign(jwks)
	require.NoError(t, err)
	good := string(signed(t, jwa.ES256, signers["ec"], map[string]any{"kid": "ec"}))
	segments := strings.Split(good, ".")
	none, err := jws.Sign([]byte(`{"sub":"x"}`), jws.WithInsecureNoSignature())
	require.NoError(t, err)
	for name, token := range map[string]string{
		"no signature": string(none), "cut signature": segments[0] + "." + segments[1] + ".",
		"another key": string(signed(t, jwa.ES256, others["ec"], map[string]any{"kid": "ec"})),
		"HMAC":        string(signed(t, jwa.HS256, jwks, map[string]any{"kid": "rsa"})),
		"RS512":       string(signed(t, jwa.RS512, signers["rsa"], map[string]any{"kid": "rsa"})),
		"a type":      string(signed(t, jwa.ES256, signers["ec"], map[string]any{"kid": "ec", "typ": "at+jwt"})),
		"an extension": string(signed(t, jwa.ES256, signers["ec"], map[string]any{"kid": "ec",
			"crit": []string{"b64"}, "b64": true})),
		"another payload": segments[0] + ".eyJzdWIiOiJ5In0." + segments[2],
		"a line end":      good + "\n", "nothing": "", "two segments": segments[0] + "." + segments[1],
	} {
		_, err := set.Verify([]byte(token), "", "JWT")
		require.ErrorIs(t, err, keys.ErrBadToken, name)
	}
	for name, header := range map[string]map[string]any{"unknown": {"kid": "nobody"},
		"a path": {"kid": "../../dev/null"}, "another key's": {"kid": "rsa"}} {
		_, err := set.Verify(signed(t, jwa.ES256, signers["ec"], header), "", "JWT")
		require.ErrorIs(t, err, keys.ErrUnknownKey, name)
	}
}

// TestKeysWithoutNames: a token without kid must not make the server try many keys.
func TestKeysWithoutNames(t *testing.T) {
	t.Parallel()
	first, second := foreignKeys(t), foreignKeys(t)
	both, err := keys.ParseForeign(keySetOf(t, map[string]crypto.Signer{"1": first["ec"], "2": second["ec"]}, nil))
	require.NoError(t, err)
	_, err = both.Verify(signed(t, jwa.ES256, first["ec"], nil), "")
	require.ErrorIs(t, err, keys.ErrUnknownKey)
}

// TestForeignKeySets: what is not a set of public keys for signatures is refused, and keys of other kinds are ignored.
func TestForeignKeySets(t *testing.T) {
	t.Parallel()
	signers := foreignKeys(t)
	private, err := jwk.FromRaw(signers["ec"])
	require.NoError(t, err)
	privateText, err := json.Marshal(map[string]any{"keys": []jwk.Key{private}})
	require.NoError(t, err)
	many := map[string]crypto.Signer{}
	for n := range 21 {
		many[fmt.Sprint(n)] = signers["ed"]
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	long, err := jwk.FromRaw(&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 8192), E: 1<<31 - 1})
	require.NoError(t, err)
	longText, err := json.Marshal(map[string]any{"keys": []jwk.Key{long}})
	require.NoError(t, err)
	for name, text := range map[string][]byte{
		"nothing": nil, "no JSON": []byte("keys"), "no keys": []byte(`{"keys":[]}`), "a list": []byte(`[]`),
		"private": privateText, "symmetric": []byte(`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`),
		"too many": keySetOf(t, many, nil), "for encryption": keySetOf(t, signers, map[string]any{"use": "enc"}),
		"another algorithm": keySetOf(t, signers, map[string]any{"alg": "RS512"}),
		"weak":              keySetOf(t, map[string]crypto.Signer{"weak": weak}, nil),
		"slow to verify":    longText,
		"short":             []byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]}`),
		"empty":             []byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":""}]}`),
		"unknown kind":      []byte(`{"keys":[{"kty":"PQC","x":"AA"}]}`),
	} {
		_, err := keys.ParseForeign(text)
		require.Error(t, err, name)
	}
	mixed := strings.Replace(string(keySetOf(t, map[string]crypto.Signer{"ed": signers["ed"]}, nil)), `{"keys":[`,
		`{"keys":[{"kty":"PQC","x":"AA"},`, 1)
	set, err := keys.ParseForeign([]byte(mixed))
	require.NoError(t, err)
	_, err = set.Verify(signed(t, jwa.EdDSA, signers["ed"], nil), "")
	require.NoError(t, err)
}

// BenchmarkForeign measures what the signature of somebody else costs.
func BenchmarkForeign(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(b, err)
	public, err := jwk.FromRaw(key.Public())
	require.NoError(b, err)
	text, err := json.Marshal(map[string]any{"keys": []jwk.Key{public}})
	require.NoError(b, err)
	set, err := keys.ParseForeign(text)
	require.NoError(b, err)
	token, err := jws.Sign([]byte(`{"sub":"x"}`), jws.WithKey(jwa.ES256, key))
	require.NoError(b, err)
	for b.Loop() {
		if _, err := set.Verify(token, ""); err != nil {
			b.Fatal(err)
		}
	}
}
