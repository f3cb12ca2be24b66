package verify

import (
	"fmt"
	"strings"
	"testing"
)

func TestGoodTokensPass(t *testing.T) {
	w := newEnv(t)
	for name, header := range map[string]string{
		"at+jwt":             headerOf("first", ""),
		"AT+JWT":             strings.Replace(headerOf("first", ""), "at+jwt", "AT+JWT", 1),
		"application/at+jwt": strings.Replace(headerOf("first", ""), "at+jwt", "application/at+jwt", 1),
		"an unknown member":  headerOf("first", `,"x":{"y":[1]}`), // RFC 7515 §4
	} {
		t.Run(name, func(t *testing.T) { requireGood(t, w, sign(header, w.claims(nil), firstRSA())) })
	}
}

func TestOtherTypesAreRefused(t *testing.T) {
	w := newEnv(t)
	for _, typ := range []string{"JWT", "jwt", "", "at+jws", "at jwt", "application/", "text/at+jwt",
		"application/application/at+jwt", "at+jwt;v=1",
		"logout+jwt", "dpop+jwt", "at+jwt ", "\u0131t+jwt"} {
		t.Run(typ, func(t *testing.T) {
			requireRefused(t, w, sign(fmt.Sprintf(`{"alg":"RS256","kid":"first","typ":%q}`, typ), w.claims(nil),
				firstRSA()), badType)
		})
	}
	t.Run("missing, as in many ID tokens", func(t *testing.T) {
		requireRefused(t, w, sign(`{"alg":"RS256","kid":"first"}`, w.claims(nil), firstRSA()), badType)
	})
}

func TestInvalidKeyIDsAreRefused(t *testing.T) {
	w := newEnv(t)
	for name, attack := range map[string]struct {
		kid string
		why reason
	}{
		"another":             {`"second"`, unknownKey},
		"a path":              {`"../../../../dev/null"`, unknownKey},
		"SQL":                 {`"first' OR '1'='1"`, unknownKey},
		"a URL":               {`"https://attacker.example/key"`, unknownKey},
		"with a trailing NUL": {`"first\u0000"`, unknownKey},
		"other case":          {`"FIRST"`, unknownKey},
		"empty":               {`""`, badKeyID},
		"long":                {`"` + strings.Repeat("k", maxKeyIDSize+1) + `"`, badKeyID},
		"of a megabyte":       {`"` + strings.Repeat("k", 1<<20) + `"`, badLength},
		"of a whole header":   {`"` + strings.Repeat("k", maxHeaderSize) + `"`, badHeader},
		"a number":            {`1`, badHeader},
		"a list":              {`["first"]`, badHeader},
		"an object":           {`{"kid":"first"}`, badHeader},
		"null":                {`null`, badHeader},
		"true":                {`true`, badHeader},
	} {
		t.Run(name, func(t *testing.T) {
			requireRefused(t, w, sign(`{"alg":"RS256","typ":"at+jwt","kid":`+attack.kid+`}`, w.claims(nil),
				firstRSA()), attack.why)
		})
	}
	t.Run("missing", func(t *testing.T) {
		requireRefused(t, w, sign(`{"alg":"RS256","typ":"at+jwt"}`, w.claims(nil), firstRSA()), badKeyID)
	})
	t.Run("of the issuer, signed by another key",
		func(t *testing.T) { requireRefused(t, w, w.tokenOf("first", secondRSA()), badSignature) })
}

func TestHeadersAreReadStrictly(t *testing.T) {
	w := newEnv(t)
	good := headerOf("first", "")
	for name, header := range map[string]string{
		"alg twice":                 headerOf("first", `,"alg":"RS256"`),
		"alg twice, once escaped":   headerOf("first", `,"\u0061lg":"none"`),
		"kid twice":                 headerOf("first", `,"kid":"second"`),
		"an unknown member twice":   headerOf("first", `,"x":1,"x":1`),
		"twice in a nested object":  headerOf("first", `,"x":[{"y":1,"y":2}]`),
		"trailing text":             good + "{}",
		"a trailing brace":          good + "}",
		"a byte order mark":         "\ufeff" + good,
		"not closed":                strings.TrimSuffix(good, "}"),
		"a list":                    "[" + good + "]",
		"a string":                  `"header"`,
		"null":                      "null",
		"nothing":                   "",
		"not UTF-8":                 headerOf("first", `,"x":"`+"\xff"+`"`),
		"no JSON":                   "alg=RS256",
		"deeply nested":             headerOf("first", `,"x":`+strings.Repeat("[", 500)+strings.Repeat("]", 500)),
		"deeply nested, not closed": headerOf("first", `,"x":`+strings.Repeat("[", 1000)),
	} {
		t.Run(name, func(t *testing.T) { requireRefused(t, w, sign(header, w.claims(nil), firstRSA()), badHeader) })
	}
	t.Run("names are compared exactly", func(t *testing.T) {
		requireRefused(t, w, sign(strings.Replace(good, "alg", "ALG", 1), w.claims(nil), firstRSA()), badAlgorithm)
		requireRefused(t, w, sign(strings.Replace(good, "kid", "Kid", 1), w.claims(nil), firstRSA()), badKeyID)
		// folds to k
		requireRefused(t, w, sign(strings.Replace(good, "kid", "\u212aid", 1), w.claims(nil), firstRSA()), badKeyID)
	})
}
