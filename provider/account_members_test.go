package provider_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// badBody is a body that PUT /password rejects, with its headers besides the bearer token, and the status.
type badBody struct {
	body   string
	header []string
	status int
}

// goodMembers are those of a change of the password.
const goodMembers = `"current_password":"` + testPassword + `","password":"` + newPassword + `"`

// noJSONObjects are bodies that two parsers could read differently, or that have unknown members.
func noJSONObjects() map[string]badBody {
	const good = goodMembers
	return map[string]badBody{
		"a member twice": {`{` + good + `,"password":"` + testPassword + `"}`, nil,
			http.StatusBadRequest},
		"twice, once escaped": {`{` + good + `,"p\u0061ssword":"` + testPassword + `"}`, nil,
			http.StatusBadRequest},
		"twice the same":           {`{` + good + `,` + good + `}`, nil, http.StatusBadRequest},
		"an unknown member":        {`{` + good + `,"admin":"true"}`, nil, http.StatusBadRequest},
		"a member of another call": {`{` + good + `,"nickname":"x"}`, nil, http.StatusBadRequest},
		"the id of a user": {`{` + good + `,"sub":"u_0123456789012345678901"}`, nil,
			http.StatusBadRequest},
		"the name in capitals": {`{"current_password":"` + testPassword + `","Password":"` + newPassword +
			`"}`, nil, http.StatusBadRequest},
		"the whole name in capitals": {`{` + good + `,"PASSWORD":"` + newPassword + `"}`, nil,
			http.StatusBadRequest},
		"a Kelvin sign for k": {`{` + good + `,"to\u212aen":""}`, nil, http.StatusBadRequest},
		"an empty name":       {`{` + good + `,"":""}`, nil, http.StatusBadRequest},
		"a number": {`{"current_password":"` + testPassword + `","password":123456789012}`,
			nil, http.StatusBadRequest},
		"true":      {`{` + good + `,"username":true}`, nil, http.StatusBadRequest},
		"null":      {`{` + good + `,"username":null}`, nil, http.StatusBadRequest},
		"an array":  {`{` + good + `,"username":["ada"]}`, nil, http.StatusBadRequest},
		"an object": {`{` + good + `,"username":{"x":"ada"}}`, nil, http.StatusBadRequest},
		"deep": {`{"password":` + strings.Repeat(`[`, 15_000) + `}`, nil,
			http.StatusBadRequest},
		"an array of it":     {`[{` + good + `}]`, nil, http.StatusBadRequest},
		"a string of it":     {`"` + newPassword + `"`, nil, http.StatusBadRequest},
		"null alone":         {`null`, nil, http.StatusBadRequest},
		"nothing but spaces": {`   `, nil, http.StatusBadRequest},
		"trailing text":      {`{` + good + `} x`, nil, http.StatusBadRequest},
		"a second object":    {`{` + good + `}{"password":"x"}`, nil, http.StatusBadRequest},
		"a comma too many":   {`{` + good + `,}`, nil, http.StatusBadRequest},
		"not closed":         {`{` + good, nil, http.StatusBadRequest},
		"a value not closed": {`{"password":"` + newPassword, nil, http.StatusBadRequest},
		"a comment":          {`{/* x */` + good + `}`, nil, http.StatusBadRequest},
		"single quotes":      {`{'password':'` + newPassword + `'}`, nil, http.StatusBadRequest},
		"no colon":           {`{` + good + `,"username","ada"}`, nil, http.StatusBadRequest},
		"a form as JSON":     {`password=` + newPassword, nil, http.StatusBadRequest},
		"invalid UTF-8":      {`{` + good + `,"username":"` + "\xff" + `"}`, nil, http.StatusBadRequest},
		"overlong UTF-8": {`{` + good + `,"username":"` + "\xc0\xaf" + `"}`, nil,
			http.StatusBadRequest},
		"a byte order mark":         {"\ufeff" + `{` + good + `}`, nil, http.StatusBadRequest},
		"half a surrogate pair":     {`{` + good + `,"username":"\ud800"}`, nil, http.StatusBadRequest},
		"the other half":            {`{` + good + `,"username":"\udc00x"}`, nil, http.StatusBadRequest},
		"halves in the wrong order": {`{` + good + `,"username":"\udc00\ud800"}`, nil, http.StatusBadRequest},
		"half a pair in a name":     {`{` + good + `,"\ud800":"x"}`, nil, http.StatusBadRequest},
		"NUL": {`{"current_password":"` + testPassword + `","password":"` + newPassword +
			`\u0000"}`, nil, http.StatusBadRequest},
		"a new line": {`{"current_password":"` + testPassword + `","password":"` + newPassword +
			`\n"}`, nil, http.StatusBadRequest},
		"DEL": {`{"current_password":"` + testPassword + `","password":"` + newPassword +
			`\u007f"}`, nil, http.StatusBadRequest},
		"a raw tab": {`{"current_password":"` + testPassword + `","password":"` + newPassword +
			"\t" + `"}`, nil, http.StatusBadRequest},
	}
}

// bodiesOfTheWrongKind are too large, or have another content type than JSON.
func bodiesOfTheWrongKind() map[string]badBody {
	const good = goodMembers
	return map[string]badBody{
		"17 KiB": {`{` + good + strings.Repeat(" ", 17<<10) + `}`, nil,
			http.StatusRequestEntityTooLarge},
		"17 KiB of a password": {`{"current_password":"` + testPassword + `","password":"` +
			strings.Repeat("p", 17<<10) + `"}`, nil, http.StatusRequestEntityTooLarge},
		"a form": {`current_password=x&password=` + newPassword,
			[]string{"Content-Type", formType}, http.StatusUnsupportedMediaType},
		"JSON that calls itself a form": {`{` + good + `}`, []string{"Content-Type", formType},
			http.StatusUnsupportedMediaType},
		"JSON that calls itself text": {`{` + good + `}`, []string{"Content-Type", "text/plain"},
			http.StatusUnsupportedMediaType},
		"no content type": {`{` + good + `}`, []string{"Content-Type", ""}, http.StatusUnsupportedMediaType},
		"two content types": {`{` + good + `}`, []string{"Content-Type", "application/json", "Content-Type",
			formType}, http.StatusUnsupportedMediaType},
		"another charset": {`{` + good + "\xff}", []string{"Content-Type", "application/json; charset=gbk"},
			http.StatusBadRequest},
		"compressed": {`{` + good + `}`, []string{"Content-Type", "application/json",
			"Content-Encoding", "gzip"}, http.StatusUnsupportedMediaType},
		"nothing at all": {``, nil, http.StatusUnsupportedMediaType},
	}
}

// TestInvalidBodiesOfAnAccount: a body that two parsers could read differently is rejected, and changes nothing.
func TestInvalidBodiesOfAnAccount(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.both("ada")
	before := w.stateOf(a)
	with := func(pairs ...string) http.Header {
		header := bearer(a.text("access_token"))
		for n := 0; n < len(pairs); n += 2 {
			header[pairs[n]] = append(header[pairs[n]], pairs[n+1])
		}
		return header
	}
	const good = goodMembers
	bodies := noJSONObjects()
	maps.Copy(bodies, bodiesOfTheWrongKind())
	for name, c := range bodies {
		t.Run(name, func(t *testing.T) {
			requireError(t, w.accountText("PUT /password", c.body, with(c.header...)), c.status, "invalid_request")
		})
	}
	require.Equal(t, before, w.stateOf(a))
	w.requireNotLogged(t, testPassword, newPassword, a.text("access_token"))
	exact := `{` + good + strings.Repeat(" ", 16<<10-len(good)-2) + `}`
	requireNoContent(t, w.accountText("PUT /password", exact, with("Content-Type", "Application/JSON; charset=GBK")))
}

// TestTextOfAnAccountIsData: text that other languages would run is stored and returned unchanged, or rejected. A
// whole surrogate pair is a character.
func TestTextOfAnAccountIsData(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.at(testApp, "ada")
	for _, text := range append(hostileTexts(), "👩‍💻", "Ada & <Bob>", "{{.}}") {
		set := w.account("PUT /profile", a.text("access_token"), form{"nickname": text})
		if set.status != http.StatusOK {
			requireError(t, set, http.StatusBadRequest, "invalid_request")
			require.NotContains(t, set.body, text)
			continue
		}
		require.Equal(t, strings.TrimSpace(text), set.members["profile"].(map[string]any)["nickname"])
	}
	// encoding/json would replace each with another character
	for _, half := range []string{`\ud800`, `a\udc00b`, `\ude00\ud83d`, `\ud83d\u0041`, "\xff", "\xed\xa0\x80",
		"\xc0\xaf"} {
		refused := w.accountText("PUT /profile", `{"nickname":"`+half+`"}`, bearer(a.text("access_token")))
		requireError(t, refused, http.StatusBadRequest, "invalid_request")
	}
	pair := w.accountText("PUT /profile", `{"nickname":"\ud83d\ude00"}`, bearer(a.text("access_token")))
	require.Equal(t, map[string]any{"nickname": "😀"}, pair.members["profile"])
}

// TestMethodsOfAnAccount: other methods get 405 with Allow, and other paths 404.
func TestMethodsOfAnAccount(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.both("ada")
	before := w.stateOf(a)
	every := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions, http.MethodTrace, "LINK"}
	for path, allowed := range map[string][]string{
		"/users": {"POST"}, "/profile": {"GET", "PUT"}, "/password": {"PUT"}, "/links": {"POST"},
		"/links/remove": {"POST"}, "/export": {"POST"},
		"/deletion": {"POST"}, "/sessions": {"DELETE", "GET"}, "/sessions/x": {"DELETE"},
	} {
		body, err := json.Marshal(form{"current_password": testPassword})
		require.NoError(t, err)
		for _, method := range every {
			if slices.Contains(allowed, method) {
				continue
			}
			refused := w.accountText(method+" "+path, string(body), bearer(a.text("access_token")))
			require.Equal(t, http.StatusMethodNotAllowed, refused.status, method+" "+path)
			require.Equal(t, strings.Join(allowed, ", "), refused.header.Get("Allow"), method+" "+path)
			overridden := w.accountText(method+" "+path, string(body),
				http.Header{"X-Http-Method-Override": {allowed[0]}})
			require.Equal(t, http.StatusMethodNotAllowed, overridden.status)
		}
	}
	for _, path := range []string{"", "/", "/profile/", "/sessions/", "/sessions/a/b", "/user", "/password/x",
		"/v2/profile"} {
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			requireError(t, w.accountText(method+" "+path, "", bearer(a.text("access_token"))), http.StatusNotFound,
				"not_found")
		}
	}
	require.Equal(t, before, w.stateOf(a))
}

// TestScriptsMayManageAnAccount from an origin that a client registered, and from no other.
func TestScriptsMayManageAnAccount(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for path, method := range map[string]string{"/profile": http.MethodPut, "/sessions": http.MethodDelete,
		"/users": http.MethodPost} {
		a := w.ask(http.MethodOptions, accountPath+path, nil, preflight(testOrigin, method,
			"authorization,content-type"))
		require.Equal(t, testOrigin, a.header.Get("Access-Control-Allow-Origin"))
		require.Equal(t, method, a.header.Get("Access-Control-Allow-Methods"))
		require.Empty(t, a.header.Get("Access-Control-Allow-Credentials"))
		for _, origin := range foreignOrigins() {
			if strings.Contains(origin, "\x00") { // net/http sends no such header
				continue
			}
			a := w.ask(http.MethodOptions, accountPath+path, nil, preflight(origin, method,
				"authorization,content-type"))
			require.Empty(t, a.header.Get("Access-Control-Allow-Origin"), origin)
		}
	}
}
