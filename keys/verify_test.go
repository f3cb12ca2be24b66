package keys

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/stretchr/testify/require"
)

const accessType = "at+jwt"

// claims is the payload of the forgeries.
const claims = `{"sub":"u_admin"}`

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// assemble builds a compact JWS with any header and any signature.
func assemble(header, payload string, sign func(input []byte) []byte) []byte {
	input := b64(header) + "." + b64(payload)
	return []byte(input + "." + b64(string(sign([]byte(input)))))
}

// rs256 makes a valid signature, so that a test shows that something else is rejected.
func rs256(key *rsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		digest := sha256.Sum256(input)
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
		if err != nil {
			panic(err)
		}
		return signature
	}
}

func hs256(secret []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(input)
		return mac.Sum(nil)
	}
}

func unsigned([]byte) []byte { return nil }

func headerOf(alg, kid, more string) string {
	return fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"at+jwt"%s}`, alg, kid, more)
}

func requireBad(t *testing.T, set *Set, token []byte) {
	t.Helper()
	payload, err := set.Verify(token, accessType)
	require.Equal(t, ErrBadToken, err, "no reason may be revealed")
	require.Nil(t, payload)
}

func TestOwnTokenVerifies(t *testing.T) {
	set := newTestSet(t)
	token, err := set.Sign(accessType, []byte(claims))
	require.NoError(t, err)
	before := bytes.Clone(token)
	payload, err := set.Verify(token, accessType)
	require.NoError(t, err)
	require.Equal(t, claims, string(payload))
	require.Equal(t, before, token)
}

func TestTypeMustMatch(t *testing.T) {
	set := newTestSet(t)
	for typ, accepted := range map[string]bool{
		`"at+jwt"`: true, `"AT+JWT"`: true, `"application/at+jwt"`: true, `"Application/At+Jwt"`: true,
		`"JWT"`: false, `""`: false, `"at+jwt "`: false, `"text/at+jwt"`: false,
		`"application/application/at+jwt"`: false,
		`null`:                             false, `1`: false, `["at+jwt"]`: false, `{"at+jwt":1}`: false,
	} {
		t.Run(typ, func(t *testing.T) {
			token := assemble(fmt.Sprintf(`{"alg":"RS256","kid":%q,"typ":%s}`, set.signer.id, typ), claims,
				rs256(firstRSA()))
			_, err := set.Verify(token, accessType)
			require.Equal(t, accepted, err == nil)
		})
	}
	t.Run("none", func(t *testing.T) {
		requireBad(t, set, assemble(fmt.Sprintf(`{"alg":"RS256","kid":%q}`, set.signer.id), claims, rs256(firstRSA())))
	})
	t.Run("an ID token is no access token", func(t *testing.T) {
		token, err := set.Sign("JWT", []byte(claims))
		require.NoError(t, err)
		requireBad(t, set, token)
	})
}

func TestWrongAlgorithmIsRefused(t *testing.T) {
	set := newTestSet(t)
	public := &firstRSA().PublicKey
	der, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	pkcs1PEM := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(public)})
	jwks, _ := set.PublicSet()
	for _, alg := range []string{"none", "None", "nOnE", "NONE", "", "rs256", "RS256 ", "RS384", "RS512", "PS256",
		"ES256", "EdDSA", "HS256"} {
		t.Run("alg "+alg+" without signature", func(t *testing.T) {
			requireBad(t, set, assemble(headerOf(alg, set.signer.id, ""), claims, unsigned))
		})
		t.Run("alg "+alg+" with a genuine RS256 signature", func(t *testing.T) {
			requireBad(t, set, assemble(headerOf(alg, set.signer.id, ""), claims, rs256(firstRSA())))
		})
	}
	for name, secret := range map[string][]byte{
		"PEM": asPEM, "PEM without newline": bytes.TrimSpace(asPEM), "PKCS #1 PEM": pkcs1PEM, "DER": der,
		"PKCS #1 DER": x509.MarshalPKCS1PublicKey(public), "modulus": public.N.Bytes(), "JWKS": jwks, "nothing": nil,
	} {
		t.Run("HS256 keyed with the public "+name, func(t *testing.T) {
			requireBad(t, set, assemble(headerOf("HS256", set.signer.id, ""), claims, hs256(secret)))
			requireBad(t, set, assemble(headerOf("RS256", set.signer.id, ""), claims, hs256(secret)))
		})
	}
	for _, alg := range []string{`null`, `["RS256"]`, `{"RS256":1}`, `256`, `true`} {
		t.Run("alg "+alg, func(t *testing.T) {
			requireBad(t, set, assemble(fmt.Sprintf(`{"alg":%s,"kid":%q,"typ":"at+jwt"}`, alg, set.signer.id),
				claims, rs256(firstRSA())))
		})
	}
	t.Run("no alg", func(t *testing.T) {
		requireBad(t, set, assemble(fmt.Sprintf(`{"kid":%q,"typ":"at+jwt"}`, set.signer.id), claims, rs256(firstRSA())))
	})
	t.Run("PS256 signature under RS256", func(t *testing.T) {
		requireBad(t, set, assemble(headerOf("RS256", set.signer.id, ""), claims, func(input []byte) []byte {
			digest := sha256.Sum256(input)
			signature, err := rsa.SignPSS(rand.Reader, firstRSA(), crypto.SHA256, digest[:], nil)
			require.NoError(t, err)
			return signature
		}))
	})
}

func TestUnknownKeyIsRefused(t *testing.T) {
	set := newTestSet(t)
	for name, kid := range map[string]string{
		"missing": ``, "empty": `,"kid":""`, "null": `,"kid":null`, "number": `,"kid":1`,
		"array":  fmt.Sprintf(`,"kid":[%q]`, set.signer.id),
		"object": `,"kid":{}`, "path traversal": `,"kid":"../../../../dev/null"`, "SQL": `,"kid":"' OR 1=1 --"`,
		"NUL":              `,"kid":"` + set.signer.id + `\u0000"`,
		"a trailing space": `,"kid":"` + set.signer.id + ` "`,
		"case changed":     `,"kid":"` + swapCase(set.signer.id) + `"`,
		"long":             `,"kid":"` + strings.Repeat("k", 4000) + `"`, "of a refresh secret": `,"kid":"` +
			hex.EncodeToString(set.secretIDs[0][:]) + `"`,
	} {
		t.Run("kid "+name, func(t *testing.T) {
			requireBad(t, set, assemble(`{"alg":"RS256","typ":"at+jwt"`+kid+`}`, claims, rs256(firstRSA())))
		})
	}
	t.Run("another key under our kid", func(t *testing.T) {
		requireBad(t, set, assemble(headerOf("RS256", set.signer.id, ""), claims, rs256(secondRSA())))
	})
}

func swapCase(text string) string {
	if upper := strings.ToUpper(text); upper != text {
		return upper
	}
	return strings.ToLower(text)
}

func TestKeyInHeaderIsIgnored(t *testing.T) {
	set := newTestSet(t)
	jwk := fmt.Sprintf(`{"kty":"RSA","e":"AQAB","n":%q,"kid":%q}`,
		base64.RawURLEncoding.EncodeToString(secondRSA().N.Bytes()), set.signer.id)
	for name, member := range map[string]string{
		"jwk": `,"jwk":` + jwk, "jku": `,"jku":"http://127.0.0.1:1/jwks"`, "x5u": `,"x5u":"http://127.0.0.1:1/x"`,
		"x5c": `,"x5c":["MIIB"]`, "x5t": `,"x5t":"AAAA"`,
	} {
		t.Run(name+" with its own signature", func(t *testing.T) {
			requireBad(t, set, assemble(headerOf("RS256", set.signer.id, member), claims, rs256(secondRSA())))
		})
		t.Run(name+" with our signature changes nothing", func(t *testing.T) {
			_, err := set.Verify(assemble(headerOf("RS256", set.signer.id, member), claims, rs256(firstRSA())),
				accessType)
			require.NoError(t, err)
		})
	}
}

func TestHeaderIsReadStrictly(t *testing.T) {
	set := newTestSet(t)
	good := headerOf("RS256", set.signer.id, "")
	for name, header := range map[string]string{
		"crit":                           headerOf("RS256", set.signer.id, `,"crit":["x"],"x":1`),
		"crit of a registered extension": headerOf("RS256", set.signer.id, `,"crit":["b64"],"b64":true`),
		"crit empty":                     headerOf("RS256", set.signer.id, `,"crit":[]`),
		"crit null":                      headerOf("RS256", set.signer.id, `,"crit":null`),
		"alg twice":                      headerOf("RS256", set.signer.id, `,"alg":"RS256"`),
		"alg twice, once in escapes":     headerOf("RS256", set.signer.id, `,"\u0061lg":"RS256"`),
		"kid twice":                      headerOf("RS256", set.signer.id, `,"kid":"other"`),
		"an unknown member twice":        headerOf("RS256", set.signer.id, `,"x":1,"x":1`),
		"ALG for alg":                    strings.Replace(good, `"alg"`, `"ALG"`, 1),
		"trailing text":                  good + "{}",
		"a trailing brace":               good + "}",
		"not closed":                     strings.TrimSuffix(good, "}"),
		"an array":                       "[" + good + "]",
		"a string":                       `"` + b64(good) + `"`,
		"nothing":                        "",
		"null":                           "null",
		"no JSON":                        "alg=RS256",
		"an object that is deeply nested": headerOf("RS256", set.signer.id, `,"x":`+strings.Repeat("[", 3000)+
			strings.Repeat("]", 2999)),
	} {
		t.Run(name, func(t *testing.T) {
			requireBad(t, set, assemble(header, claims, rs256(firstRSA())))
		})
	}
}

func TestPayloadIsAnObject(t *testing.T) {
	set := newTestSet(t)
	for _, payload := range []string{"", "null", "[]", `"{}"`, "1", "{", "{}{}", "{},", `{"a":}`, "\xef\xbb\xbf{}"} {
		t.Run(payload, func(t *testing.T) {
			requireBad(t, set, assemble(headerOf("RS256", set.signer.id, ""), payload, rs256(firstRSA())))
		})
	}
	t.Run("with b64 false", func(t *testing.T) { // RFC 7797
		input := b64(headerOf("RS256", set.signer.id, `,"b64":false`)) + "." + claims
		requireBad(t, set, []byte(input+"."+b64(string(rs256(firstRSA())([]byte(input))))))
	})
}

func TestOtherFormsAreRejected(t *testing.T) {
	set := newTestSet(t)
	token, err := set.Sign(accessType, []byte(claims))
	require.NoError(t, err)
	text := string(token)
	parts := strings.Split(text, ".")
	encrypted, err := jwe.Encrypt([]byte(claims), jwe.WithKey(jwa.RSA_OAEP, &firstRSA().PublicKey))
	require.NoError(t, err)
	general, err := jws.Sign([]byte(claims), jws.WithJSON(), jws.WithKey(jwa.RS256, firstRSA()))
	require.NoError(t, err)
	for name, shape := range map[string]string{
		"nothing":                 "",
		"no dot":                  parts[0],
		"two segments":            parts[0] + "." + parts[1],
		"an empty signature":      parts[0] + "." + parts[1] + ".",
		"an empty payload":        parts[0] + ".." + parts[2],
		"an empty header":         "." + parts[1] + "." + parts[2],
		"two dots":                "..",
		"four segments":           text + "." + parts[2],
		"a trailing dot":          text + ".",
		"a dot before":            "." + text,
		"a million dots":          strings.Repeat(".", 1_000_000),
		"a million trailing dots": text + strings.Repeat(".", 1_000_000),
		"a megabyte":              parts[0] + "." + strings.Repeat("A", 1<<20) + "." + parts[2],
		"flattened JSON serialization": fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0],
			parts[1], parts[2]),
		"general JSON serialization": string(general),
		"JSON without protected header": fmt.Sprintf(`{"header":{"alg":"none"},"payload":%q,"signature":""}`,
			parts[1]),
		"a JWE":                             string(encrypted),
		"padded header":                     parts[0] + "=." + parts[1] + "." + parts[2],
		"padded payload":                    parts[0] + "." + parts[1] + "=." + parts[2],
		"padded signature":                  text + "==",
		"a trailing space":                  text + " ",
		"a space before":                    " " + text,
		"a trailing newline":                text + "\n",
		"a carriage return inside":          text[:10] + "\r" + text[10:],
		"newlines inside the signature":     text[:len(text)-4] + "\n\n\n\n" + text[len(text)-4:],
		"a trailing NUL":                    text + "\x00",
		"Bearer before":                     "Bearer " + text,
		"quoted":                            `"` + text + `"`,
		"percent-encoded dots":              strings.ReplaceAll(text, ".", "%2E"),
		"header and payload exchanged":      parts[1] + "." + parts[0] + "." + parts[2],
		"a payload that was not signed":     parts[0] + "." + b64(`{"sub":"u_other"}`) + "." + parts[2],
		"a signature of zeros":              parts[0] + "." + parts[1] + "." + b64(strings.Repeat("\x00", 256)),
		"a signature with a zero before it": parts[0] + "." + parts[1] + "." + b64("\x00"+decode(t, parts[2])),
	} {
		t.Run(name, func(t *testing.T) { requireBad(t, set, []byte(shape)) })
	}
}

func TestStandardBase64IsRefused(t *testing.T) {
	set := newTestSet(t)
	for n := range 100 { // all but about one signature in 50 000 differ between the alphabets
		token, err := set.Sign(accessType, fmt.Appendf(nil, `{"n":%d}`, n))
		require.NoError(t, err)
		other := strings.NewReplacer("-", "+", "_", "/").Replace(string(token))
		if other != string(token) {
			requireBad(t, set, []byte(other))
			return
		}
	}
	t.Fatal("no signature differs between the alphabets")
}

func decode(t *testing.T, segment string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(segment)
	require.NoError(t, err)
	return string(b)
}

func TestEveryChangeOfATokenIsRefused(t *testing.T) {
	set := newTestSet(t)
	token, err := set.Sign(accessType, []byte(claims))
	require.NoError(t, err)
	t.Run("truncated", func(t *testing.T) {
		for n := range token {
			requireBad(t, set, token[:n])
		}
	})
	// also the spare bits of a segment's last character, which lax decoders ignore
	t.Run("a bit flipped", func(t *testing.T) {
		for n := range token {
			for bit := range 7 {
				changed := bytes.Clone(token)
				changed[n] ^= 1 << bit
				requireBad(t, set, changed)
			}
		}
	})
	t.Run("extended", func(t *testing.T) {
		for c := range 256 {
			requireBad(t, set, append(bytes.Clone(token), byte(c)))
		}
	})
}

func FuzzVerify(f *testing.F) {
	set := newTestSet(f)
	token, err := set.Sign(accessType, []byte(claims))
	require.NoError(f, err)
	for _, seed := range []string{
		"", "..", "a.b.c", string(token), string(token) + "=", string(token[:len(token)-1]),
		`{"protected":"","payload":"","signature":""}`,
		string(assemble(headerOf("none", "", ""), claims, unsigned)),
		string(assemble(headerOf("RS256", "x", `,"crit":["b64"]`), claims, unsigned)),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		payload, err := set.Verify(b, accessType)
		if err != nil {
			require.Equal(t, ErrBadToken, err)
			return
		}
		require.Equal(t, token, b, "a forgery")
		require.Equal(t, claims, string(payload))
	})
}
