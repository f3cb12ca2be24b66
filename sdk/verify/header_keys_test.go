package verify

import (
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestHeadersThatNameKeysAreRefused even if the signature is valid, and nothing that they name is fetched.
func TestHeadersThatNameKeysAreRefused(t *testing.T) {
	w := newEnv(t)
	var visits atomic.Int64
	attacker := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		visits.Add(1)
		fmt.Fprint(rw, `{"keys":[`+jwkOf("first", &secondRSA().PublicKey)+`]}`)
	}))
	defer attacker.Close()
	for name, member := range map[string]string{
		"jku":               fmt.Sprintf(`,"jku":%q`, attacker.URL),
		"jku of the issuer": fmt.Sprintf(`,"jku":%q`, w.issuer.URL+"/.well-known/jwks.json"),
		"x5u":               fmt.Sprintf(`,"x5u":%q`, attacker.URL),
		"jwk":               `,"jwk":` + jwkOf("first", &secondRSA().PublicKey),
		"x5c":               `,"x5c":["MIIB"]`,
		"x5t":               `,"x5t":"AAAA"`,
		"x5t#S256":          `,"x5t#S256":"AAAA"`,
		"jku null":          `,"jku":null`,
		"crit":              `,"crit":["exp"],"exp":1`,
		"crit of b64":       `,"crit":["b64"],"b64":true`,
		"crit empty":        `,"crit":[]`,
		"crit a string":     `,"crit":"alg"`,
		"b64 true":          `,"b64":true`,
		"b64 false":         `,"b64":false`,
		"zip":               `,"zip":"DEF"`,
		"enc":               `,"enc":"A256GCM"`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, key := range []*rsa.PrivateKey{firstRSA(), secondRSA()} {
				why := badMember
				if strings.HasSuffix(member, "null") {
					why = badHeader
				}
				requireRefused(t, w, sign(headerOf("first", member), w.claims(nil), key), why)
			}
		})
	}
	requireEqual(t, int64(0), visits.Load())
	t.Run("a payload that is not encoded", func(t *testing.T) { // RFC 7797 §5.2
		input := b64([]byte(headerOf("first", `,"crit":["b64"],"b64":false`))) + "." + w.claims(nil)
		requireRefused(t, w, input+"."+b64([]byte("x")), badForm)
	})
}
