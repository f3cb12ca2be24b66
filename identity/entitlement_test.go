package identity_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func TestParseClaims(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1}`: `{"a":1}`,
		" {\n\t\"a\" : [ 1, 2.5e3, true, null ] } ": `{"a":[1,2.5e3,true,null]}`,
		// reserved names are allowed here, since claims are nested in "ext"
		`{"sub":"somebody else","exp":0,"roles":[]}`:  `{"sub":"somebody else","exp":0,"roles":[]}`,
		`{"名":"令牌 😀","u":"\u0000\u002f<"}`:            `{"名":"令牌 😀","u":"\u0000\u002f<"}`,
		`{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}`: `{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}`,
		`{"":""}`: `{"":""}`,
		`{}`:      "",
		" { } ":   "",
		`{"a":"` + strings.Repeat("x", 1016) + `"}`: `{"a":"` + strings.Repeat("x", 1016) + `"}`,
	} {
		claims, err := identity.ParseClaims([]byte(text))
		require.NoError(t, err, text)
		require.EqualValues(t, want, claims)
		again, err := identity.ParseClaims([]byte(claims))
		if claims != "" {
			require.NoError(t, err)
			require.Equal(t, claims, again)
		}
	}
}

func TestParseClaimsRejects(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "a space": " ", "null": "null", "a text": `"a"`, "a number": "1", "a list": `[{"a":1}]`,
		"half an object": `{"a":1`,
		"two objects":    `{"a":1}{"b":2}`, "trailing text": `{"a":1} x`, "a comment": `{"a":1 /* b */}`,
		"a trailing comma": `{"a":1,}`, "no quotes": `{a:1}`,
		"a duplicate name": `{"a":1,"b":2,"a":3}`, "a nested duplicate name": `{"x":[{"a":1,"a":2}]}`,
		"a duplicate name, once escaped": `{"a":1,"\u0061":2}`,
		"a number out of range":          `{"a":1e999}`, "NaN": `{"a":NaN}`, "a control character": "{\"a\":\"\x00\"}",
		"not UTF-8":     "{\"a\":\"\xff\"}",
		"1 KiB and one": `{"a":"` + strings.Repeat("x", 1017) + `"}`, "nine levels": strings.Repeat(`{"a":`, 9) +
			"1" + strings.Repeat("}", 9),
		"a thousand levels": `{"a":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "}",
	} {
		t.Run(name, func(t *testing.T) {
			claims, err := identity.ParseClaims([]byte(text))
			require.ErrorContains(t, err, "claims")
			require.Empty(t, claims)
		})
	}
}

func TestClaimsAreEmbeddedAsJSON(t *testing.T) {
	for claims, want := range map[identity.Claims]string{`{"a":[1]}`: `{"a":{"a":[1]}}`, "": `{"a":{}}`} {
		text, err := json.Marshal(map[string]identity.Claims{"a": claims})
		require.NoError(t, err)
		require.Equal(t, want, string(text))
	}
	var read struct{ A, B identity.Claims }
	require.NoError(t, json.Unmarshal([]byte(`{"A":{"a":[1]}}`), &read))
	require.EqualValues(t, `{"a":[1]}`, read.A)
	require.Empty(t, read.B)
}

func TestNormalizeRoles(t *testing.T) {
	roles, err := identity.NormalizeRoles([]string{"b", "a:b.c_d-1", "b", "Z", "9"})
	require.NoError(t, err)
	require.Equal(t, []string{"9", "Z", "a:b.c_d-1", "b"}, roles)
	roles, err = identity.NormalizeRoles(nil)
	require.NoError(t, err)
	require.Nil(t, roles)
	for _, role := range []string{"", " ", "a b", "a,b", "a\"", "a/b", "ä", "角色", "a\x00", "a\n", "\xff",
		strings.Repeat("r", 65)} {
		_, err := identity.NormalizeRoles([]string{role})
		require.ErrorContains(t, err, "a role must be", "%q", role)
	}
}

func FuzzParseClaims(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `{"a":{"b":[1,"x"]},"c":null}`, `{"a":1,"a":2}`, `{}`, ``, `[`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		claims, err := identity.ParseClaims(text)
		if err != nil || claims == "" {
			return
		}
		require.LessOrEqual(t, len(claims), 1024)
		var object map[string]any
		require.NoError(t, json.Unmarshal([]byte(claims), &object))
		again, err := identity.ParseClaims([]byte(claims))
		require.NoError(t, err)
		require.Equal(t, claims, again)
	})
}
