package verify

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
)

func TestOtherAlgorithmsAreRefused(t *testing.T) {
	w := newEnv(t)
	der, err := x509.MarshalPKIXPublicKey(&firstRSA().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	with := func(alg string, signature func(input string) []byte) string {
		input := b64([]byte(strings.Replace(headerOf("first", ""), `"RS256"`, alg, 1))) + "." +
			b64([]byte(w.claims(nil)))
		return input + "." + b64(signature(input))
	}
	none := func(string) []byte { return nil }
	rs256 := func(input string) []byte {
		sum := sha256.Sum256([]byte(input))
		signature, _ := rsa.SignPKCS1v15(rand.Reader, firstRSA(), crypto.SHA256, sum[:])
		return signature
	}
	mac := func(secret []byte) func(string) []byte {
		return func(input string) []byte {
			h := hmac.New(sha256.New, secret)
			h.Write([]byte(input))
			return h.Sum(nil)
		}
	}
	pss := func(input string) []byte {
		sum := sha256.Sum256([]byte(input))
		signature, _ := rsa.SignPSS(rand.Reader, firstRSA(), crypto.SHA256, sum[:], nil)
		return signature
	}
	for name, attack := range map[string]struct {
		token string
		why   reason
	}{
		"none without signature":           {with(`"none"`, none), badAlgorithm},
		"None":                             {with(`"None"`, none), badAlgorithm},
		"none with a valid signature":      {with(`"none"`, rs256), badAlgorithm},
		"HS256 with the public key as PEM": {with(`"HS256"`, mac(text)), badAlgorithm},
		"HS256 with the public key as DER": {with(`"HS256"`, mac(der)), badAlgorithm},
		"HS256 with the modulus":           {with(`"HS256"`, mac(firstRSA().N.Bytes())), badAlgorithm},
		"RS256 that is an HMAC":            {with(`"RS256"`, mac(text)), badSignature},
		"PS256":                            {with(`"PS256"`, pss), badAlgorithm},
		"RS256 that is PS256":              {with(`"RS256"`, pss), badSignature},
		"RS512":                            {with(`"RS512"`, rs256), badAlgorithm},
		"rs256":                            {with(`"rs256"`, rs256), badAlgorithm},
		"RS256 with a space":               {with(`"RS256 "`, rs256), badAlgorithm},
		"RS256 with a NUL":                 {with(`"RS256\u0000"`, rs256), badAlgorithm},
		"empty":                            {with(`""`, rs256), badAlgorithm},
		"null":                             {with(`null`, rs256), badHeader},
		"a list":                           {with(`["RS256"]`, rs256), badHeader},
		"a number":                         {with(`256`, rs256), badHeader},
		"missing": {sign(`{"kid":"first","typ":"at+jwt"}`, w.claims(nil), firstRSA()),
			badAlgorithm},
		"RS256 without signature": {with(`"RS256"`, none), badSignature},
	} {
		t.Run(name, func(t *testing.T) { requireRefused(t, w, attack.token, attack.why) })
	}
}
