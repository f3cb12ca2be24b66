package verify

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

func TestOnlyValidKeysAreAccepted(t *testing.T) {
	good := jwkOf("k", &firstRSA().PublicKey)
	replaced := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	without := func(member string) string { return strings.Replace(good, member, "", 1) }
	even := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047)}
	for name, key := range map[string]string{
		"EC":                         `{"kty":"EC","use":"sig","kid":"k","crv":"P-256","x":"AA","y":"AA"}`,
		"a secret":                   `{"kty":"oct","use":"sig","alg":"HS256","kid":"k","k":"AAAA"}`,
		"for encryption":             replaced(`"sig"`, `"enc"`),
		"without use":                without(`"use":"sig",`),
		"for RS512":                  replaced(`"RS256"`, `"RS512"`),
		"for HS256":                  replaced(`"RS256"`, `"HS256"`),
		"1024 bits":                  jwkOf("k", number(1024)),
		"2047 bits":                  jwkOf("k", number(2047)),
		"16384 bits":                 jwkOf("k", number(16384)),
		"an even modulus":            jwkOf("k", even),
		"exponent 1":                 replaced(`"AQAB"`, `"AQ"`),
		"exponent 3":                 replaced(`"AQAB"`, `"Aw"`),
		"an even exponent":           replaced(`"AQAB"`, `"AQAA"`),
		"an enormous exponent":       replaced(`"AQAB"`, `"`+b64([]byte(strings.Repeat("\x01", 300)))+`"`),
		"no exponent":                without(`,"e":"AQAB"`),
		"a padded exponent":          replaced(`"AQAB"`, `"AQAB===="`),
		"a kid that is no string":    replaced(`"kid":"k"`, `"kid":1`),
		"no kid":                     without(`"kid":"k",`),
		"an empty kid":               replaced(`"kid":"k"`, `"kid":""`),
		"a private key":              replaced(`"e":"AQAB"`, `"e":"AQAB","d":"AAAA"`),
		"members in capitals":        replaced(`"n":`, `"N":`),
		"no object":                  `"k"`,
		"null":                       `null`,
		"base64 of another alphabet": replaced(`"n":"`, `"n":"+/`),
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := parseKeys([]byte(`{"keys":[`+key+`,`+jwkOf("other", &secondRSA().PublicKey)+`]}`), nil)
			if err != nil || len(keys) != 1 || keys["other"] == nil {
				t.Fatal(keys, err)
			}
			_, err = parseKeys([]byte(`{"keys":[`+key+`]}`), nil)
			requireEqual(t, true, errors.Is(err, errNoKeys))
		})
	}
	for name, key := range map[string]string{"complete": good, "without alg": without(`"alg":"RS256",`)} {
		t.Run(name, func(t *testing.T) {
			keys, err := parseKeys([]byte(`{"keys":[`+key+`]}`), nil)
			if err != nil || !keys["k"].rsa.Equal(&firstRSA().PublicKey) {
				t.Fatal(err)
			}
		})
	}
}

func TestInvalidKeySetsAreRefused(t *testing.T) {
	good := jwkOf("k", &firstRSA().PublicKey)
	many := make([]string, maxKeys+1)
	for n := range many {
		many[n] = jwkOf(fmt.Sprint(n), &firstRSA().PublicKey)
	}
	for name, text := range map[string]string{
		"nothing":            "",
		"null":               "null",
		"a list":             "[" + good + "]",
		"keys null":          `{"keys":null}`,
		"keys an object":     `{"keys":{"k":` + good + `}}`,
		"keys twice":         `{"keys":[` + good + `],"keys":[]}`,
		"keys in capitals":   `{"KEYS":[` + good + `]}`,
		"a kid twice":        `{"keys":[` + good + `,` + jwkOf("k", &secondRSA().PublicKey) + `]}`,
		"a kid twice in one": `{"keys":[` + strings.Replace(good, `"kid":"k"`, `"kid":"k","kid":"l"`, 1) + `]}`,
		"the modulus twice":  `{"keys":[` + strings.Replace(good, `"e":`, `"n":"AQAB","e":`, 1) + `]}`,
		"too many keys":      `{"keys":[` + strings.Join(many, ",") + `]}`,
		"trailing text":      `{"keys":[` + good + `]}x`,
		"not UTF-8":          `{"keys":[` + good + `],"x":"` + "\xff" + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			if keys, err := parseKeys([]byte(text), nil); err == nil {
				t.Fatal(keys)
			}
		})
	}
}

func TestKeysThatStayAreTheSame(t *testing.T) {
	before, err := parseKeys([]byte(`{"keys":[`+jwkOf("a", &firstRSA().PublicKey)+`,`+jwkOf("b",
		&firstRSA().PublicKey)+`]}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	after, err := parseKeys([]byte(`{"keys":[`+jwkOf("a", &firstRSA().PublicKey)+`,`+jwkOf("b",
		&secondRSA().PublicKey)+`]}`), before)
	if err != nil {
		t.Fatal(err)
	}
	requireEqual(t, []bool{true, false}, []bool{before["a"] == after["a"], before["b"] == after["b"]})
}
