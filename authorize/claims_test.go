package authorize

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// TestReadClaims: only claims that this server knows and whose scope the client is registered for are read.
func TestReadClaims(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for name, c := range map[string]struct {
		claims string
		want   string // identity.RequestedClaims as text
	}{
		"nothing":         {`{}`, ""},
		"empty members":   {`{"id_token":{},"userinfo":null}`, ""},
		"unknown members": {`{"verified_claims":{"name":null},"ID_TOKEN":{"name":null}}`, ""},
		"unknown claims":  {`{"userinfo":{"http://a.example/x":null,"Name":null,"x":7,"y":[[1]]}}`, ""},
		"voluntary":       {`{"userinfo":{"name":null,"picture":{}}}`, "name:u picture:u"},
		"essential": {`{"id_token":{"name":{"essential":true},"gender":{"essential":false}}}`,
			"gender:i name:i"},
		"both": {`{"id_token":{"name":null},"userinfo":{"name":null,"locale":null}}`, "locale:u name:iu"},
		"a value": {`{"userinfo":{"locale":{"value":"en"},"gender":{"values":["female",1e9,true]}}}`,
			"gender:u locale:u"},
		"not registered":     {`{"userinfo":{"email":{"essential":true},"phone_number":null,"address":null}}`, ""},
		"in every token":     {`{"id_token":{"auth_time":{"essential":true},"sub":null,"amr":null}}`, ""},
		"a voluntary acr":    {`{"id_token":{"acr":{"values":["urn:a","urn:b"]}}}`, ""},
		"any acr":            {`{"id_token":{"acr":{"essential":true}}}`, ""},
		"acr elsewhere":      {`{"userinfo":{"acr":{"essential":true,"value":"urn:a"}}}`, ""},
		"repeated elsewhere": {`{"id_token":{"name":null},"userinfo":{"x":{"name":null}}}`, "name:i"},
		"Unicode":            {`{"userinfo":{"\u006eame":null,"姓名":null}}`, "name:u"},
		"4096 bytes":         {`{"userinfo":{"name":null}}` + strings.Repeat(" ", 4096-26), "name:u"},
	} {
		values := form("claims", c.claims)
		r, err := s.readForm(t.Context(), values)
		require.NoError(t, err, name)
		require.Equal(t, c.want, r.Claims.String(), name)
		require.Equal(t, r.Claims, identity.ParseRequestedClaims(c.want), name)
		values.Set("scope", "profile")
		r, err = s.readForm(t.Context(), values)
		require.NoError(t, err, name)
		require.Empty(t, r.Claims, "%s, and not a request of OpenID Connect", name)
	}
}

func TestRefusedClaims(t *testing.T) {
	t.Parallel()
	s := newService(t)
	nested := func(depth int) string {
		return `{"x":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
	}
	for name, claims := range map[string]string{
		"no JSON": "name", "a word": `"name"`, "an array": `["name"]`, "null": "null", "a number": "1", "true": "true",
		"half an object": `{"userinfo":{"name":null}`, "two objects": `{}{}`, "text after it": `{} x`,
		"a comma":       `{"userinfo":{},}`,
		"single quotes": `{'userinfo':{'name':null}}`, "a comment": `{/**/}`,
		"a member that is an array": `{"userinfo":["name"]}`,
		"a member that is a text":   `{"id_token":"name"}`, "a claim that is a text": `{"userinfo":{"name":"x"}}`,
		"a claim that is true":  `{"userinfo":{"name":true}}`,
		"essential in a text":   `{"userinfo":{"name":{"essential":"true"}}}`,
		"values that are none":  `{"userinfo":{"name":{"values":"x"}}}`,
		"values that are null":  `{"userinfo":{"name":{"values":null}}}`,
		"value and values":      `{"id_token":{"sub":{"value":"x","values":["x"]}}}`,
		"a member twice":        `{"userinfo":{"name":null},"userinfo":{}}`,
		"a claim twice":         `{"userinfo":{"name":null,"name":null}}`,
		"twice when unescaped":  `{"userinfo":{"name":null,"n\u0061me":null}}`,
		"essential twice":       `{"userinfo":{"name":{"essential":true,"essential":false}}}`,
		"an unknown one twice":  `{"x":1,"x":1}`,
		"five deep":             nested(5),
		"thousands deep":        nested(1500),
		"objects five deep":     `{"a":{"a":{"a":{"a":{}}}}}`,
		"deep in a claim":       `{"userinfo":{"name":{"values":[[]]}}}`,
		"a huge number":         `{"userinfo":{"name":{"value":1e999}}}`,
		"a control character":   "{\"userinfo\":\n{}}",
		"a zero byte":           "{\"userinfo\x00\":{}}",
		"a control in a string": "{\"userinfo\":{\"a\tb\":null}}",
		"not UTF-8":             "{\"userinfo\":{\"\xff\":null}}",
		"4097 bytes":            `{"userinfo":{"name":null}}` + strings.Repeat(" ", 4097-26),
		"8 KiB":                 `{"userinfo":{"` + strings.Repeat("n", 8<<10) + `":null}}`,
	} {
		r, err := s.readForm(t.Context(), form("claims", claims))
		require.ErrorIs(t, err, oauth.InvalidRequest, name)
		require.Empty(t, r.Claims, name)
	}
	require.NoError(t, func() error { _, err := s.readForm(t.Context(), form("claims", nested(4))); return err }())
	_, err := s.readForm(t.Context(), form("claims", strings.Repeat(" ", 4097), "scope", "profile"))
	require.ErrorIs(t, err, oauth.InvalidRequest, "it is kept, though it means nothing")
	twice := form("claims", "{}")
	twice.Add("claims", "{}")
	_, err = s.readForm(t.Context(), twice)
	require.ErrorIs(t, err, oauth.InvalidRequest)
}

// TestRequiredACR: a request is refused if no sign-in in a browser could have one of the values.
func TestRequiredACR(t *testing.T) {
	t.Parallel()
	s, none := newService(t), newService(t)
	s.classes = identity.ContextClasses{identity.MethodPassword: "urn:a", identity.PlatformWechat: "urn:b"}
	for acr, want := range map[string][]string{
		`null`:                               nil,
		`{}`:                                 nil,
		`{"essential":true}`:                 nil,
		`{"values":["urn:b"]}`:               nil,
		`{"value":"x","essential":false}`:    nil,
		`{"value":"urn:a","essential":true}`: {"urn:a"},
		`{"values":["x","urn:a"],"essential":true}`:    {"x", "urn:a"},
		`{"values":[7,null,"urn:a"],"essential":true}`: {"urn:a"},
	} {
		claims := form("claims", `{"id_token":{"acr":`+acr+`}}`)
		r, err := s.readForm(t.Context(), claims)
		require.NoError(t, err, acr)
		require.Equal(t, want, r.classes, acr)
		_, err = none.readForm(t.Context(), claims)
		require.Equal(t, want != nil, errors.Is(err, oauth.UnmetAuthenticationRequirements), acr)
	}
	for _, acr := range []string{
		`{"value":"urn:b","essential":true}`, `{"values":["urn:b","pwd"],"essential":true}`,
		`{"value":"","essential":true}`, `{"value":null,"essential":true}`, `{"values":[],"essential":true}`,
		`{"value":"URN:A","essential":true}`, `{"value":["urn:a"],"essential":true}`,
	} {
		values := form("claims", `{"id_token":{"acr":`+acr+`}}`)
		for _, service := range []*Service{s, none} {
			r, err := service.readForm(t.Context(), values)
			require.ErrorIs(t, err, oauth.UnmetAuthenticationRequirements, acr)
			require.True(t, r.Proved(), "the client is told")
		}
	}
}

// TestClaimsForUsers: a sub with a value is for that user as id_token_hint is (OpenID Connect Core §5.5.1).
func TestClaimsForUsers(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for claims, want := range map[string][]string{
		`{"id_token":{"sub":null}}`:                                                 {"alice", "bob"},
		`{"id_token":{"sub":{"value":"alice"}}}`:                                    {"alice"},
		`{"userinfo":{"sub":{"value":"bob"}}}`:                                      {"bob"},
		`{"id_token":{"sub":{"values":["alice","bob","c"]}}}`:                       {"alice", "bob"},
		`{"id_token":{"sub":{"values":["c"]}}}`:                                     nil,
		`{"id_token":{"sub":{"values":[]}}}`:                                        nil,
		`{"id_token":{"sub":{"value":null}}}`:                                       nil,
		`{"id_token":{"sub":{"value":7}}}`:                                          nil,
		`{"id_token":{"sub":{"value":"alice"}},"userinfo":{"sub":{"value":"bob"}}}`: nil,
	} {
		var users []string
		for _, user := range []string{"alice", "bob"} {
			r, err := s.readForm(t.Context(), form("claims", claims))
			require.NoError(t, err, claims)
			if r.mayBeAbout(user) {
				users = append(users, user)
			}
		}
		require.Equal(t, want, users, claims)
	}
	r, err := s.readForm(t.Context(), form("claims", `{"id_token":{"sub":{"value":"alice"}}}`, subjectParameter, "bob"))
	require.NoError(t, err)
	require.False(t, r.mayBeAbout("alice") || r.mayBeAbout("bob"), "the hint is for somebody else")
}
