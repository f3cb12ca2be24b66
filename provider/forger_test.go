package provider_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// forger makes tokens like an attacker who knows a valid one and the key set.
type forger struct {
	t              *testing.T
	header, claims map[string]any
	key            *rsa.PrivateKey
}

func (f forger) segment(members map[string]any) string {
	text, err := json.Marshal(members)
	require.NoError(f.t, err)
	return base64.RawURLEncoding.EncodeToString(text)
}

// sign signs with the attacker's own key, with header members changed.
func (f forger) sign(pairs ...any) string {
	input := f.segment(f.changed(pairs...)) + "." + f.segment(f.claims)
	sum := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, f.key, crypto.SHA256, sum[:])
	require.NoError(f.t, err)
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func (f forger) changed(pairs ...any) map[string]any {
	header := maps.Clone(f.header)
	for n := 0; n < len(pairs); n += 2 {
		header[pairs[n].(string)] = pairs[n+1]
		if pairs[n+1] == nil {
			delete(header, pairs[n].(string))
		}
	}
	return header
}

// mac signs by HMAC with a part of the public key as the secret.
func (f forger) mac(key []byte) string {
	input := f.segment(f.changed("alg", "HS256")) + "." + f.segment(f.claims)
	h := hmac.New(sha256.New, key)
	h.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// forgeries returns what an attacker could make of a valid answer (RFC 8725 §2), and other texts that are no access
// tokens.
func (w tokenCalls) forgeries(t *testing.T, a answer) map[string]string {
	good := a.text("access_token")
	segments := strings.Split(good, ".")
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	f := forger{t, headerOf(t, good), claimsOf(t, good), own}
	jwk := w.get("/.well-known/jwks.json", nil).members["keys"].([]any)[0].(map[string]any)
	modulus, _ := base64.RawURLEncoding.DecodeString(jwk["n"].(string))
	ownJWK := map[string]any{"kty": "RSA", "n": base64.RawURLEncoding.EncodeToString(own.N.Bytes()), "e": "AQAB"}
	flipped := []byte(good)
	flipped[len(flipped)-20] ^= 1
	unsigned := func(alg string) string { return f.segment(f.changed("alg", alg)) + "." + segments[1] + "." }
	return map[string]string{
		"alg none": unsigned("none"), "alg None": unsigned("None"), "alg nOnE": unsigned("nOnE"),
		"no alg":                   f.sign("alg", nil),
		"alg none, signature kept": f.segment(f.changed("alg", "none")) + "." + segments[1] + "." + segments[2],
		"signature left out":       segments[0] + "." + segments[1] + ".",
		"third part left out":      segments[0] + "." + segments[1],
		"HS256 by modulus":         f.mac(modulus), "HS256 by JWK": f.mac([]byte(jwk["n"].(string))),
		"HS256 by nothing": f.mac(nil),
		"own key":          f.sign(), "RS512": f.sign("alg", "RS512"), "PS256": f.sign("alg", "PS256"),
		"own key, jwk": f.sign("jwk", ownJWK), "own key, jwk alone": f.sign("jwk", ownJWK, "kid", nil),
		"own key, jku": f.sign("jku", w.issuer+"/evil", "kid", "evil"), "own key, x5u": f.sign("x5u",
			w.issuer+"/evil"), "own key, x5c": f.sign("x5c", []string{"MIIB"}),
		"unknown kid": f.sign("kid", "unknown"), "no kid": f.sign("kid", nil), "empty kid": f.sign("kid", ""),
		"kid a path": f.sign("kid", "../../dev/null"),
		"kid SQL":    f.sign("kid", "' UNION SELECT 'x"), "kid NUL": f.sign("kid", "\x00"), "kid number": f.sign("kid",
			7), "kid array": f.sign("kid", []string{"x"}),
		"kid of 6 kB": f.sign("kid", strings.Repeat("k", 6000)), "crit": f.sign("crit", []string{"x"}),
		"b64 false": f.sign("b64", false, "crit", []string{"b64"}),
		"ID token":  a.text("id_token"), "refresh token": a.text("refresh_token"), "code": w.code("alice"),
		"cut": good[:len(good)-1], "cut by ten": good[:len(good)-10], "longer": good + "A", "padded": good + "==",
		"bit flipped":   string(flipped),
		"other payload": segments[0] + "." + f.segment(map[string]any{"sub": "u_admin"}) + "." + segments[2],
		"JSON": `{"payload":"` + segments[1] + `","protected":"` + segments[0] + `","signature":"` +
			segments[2] + `"}`,
		"five parts": good + "." + segments[1] + "." + segments[2], "dots": strings.Repeat(".", 8000),
		"thousand parts":  strings.Repeat("a.", 1000),
		"spaces in front": " " + good, "tab in front": "\t" + good, "two": good + " " + good, "comma": good + "," +
			good, "quoted": `"` + good + `"`,
		"PBES2 JWE": f.segment(map[string]any{"alg": "PBES2-HS256+A128KW", "p2c": 1 << 31, "enc": "A128GCM",
			"zip": "DEF"}) + ".a.a.a.a",
	}
}
