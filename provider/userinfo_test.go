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
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

func TestUserinfoByHeaderAndByForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.token(passwordForm("alice", testPassword).with("scope", "openid profile"))
	token, sub := a.text("access_token"), claimsOf(t, a.text("id_token"))["sub"]
	for name, got := range map[string]answer{
		"GET":                   w.get("/userinfo", bearer(token)),
		"POST":                  w.ask(http.MethodPost, "/userinfo", nil, bearer(token)),
		"POST with a form":      w.post("/userinfo", "access_token="+url.QueryEscape(token), nil),
		"any case of the name":  w.get("/userinfo", http.Header{"Authorization": {"bEARER " + token}}),
		"an odd parameter more": w.get("/userinfo?schema=openid", bearer(token)),
	} {
		require.Equal(t, http.StatusOK, got.status, name)
		requireJSON(t, got)
		require.Equal(t, "no-store", got.header.Get("Cache-Control"))
		require.Equal(t, map[string]any{"sub": sub, "preferred_username": "alice"}, got.members, name)
	}
	only := w.signIn("alice", "scope", "openid")
	require.Equal(t, []string{"sub"}, names(w.userinfo(only.text("access_token")).members), "claims only for granted scopes")
}

// TestUserinfoWithoutToken is told what to send, and that nothing was invalid (RFC 6750 §3.1).
func TestUserinfoWithoutToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, header := range []http.Header{
		{}, {"Authorization": {""}}, {"Authorization": {"Bearer"}}, {"Authorization": {"Bearer "}}, {"Authorization": {basic("mini", "")}}, {"Cookie": {"access_token=x"}},
	} {
		a := w.get("/userinfo", header)
		requireError(t, a, http.StatusUnauthorized, "invalid_token")
		require.Equal(t, `Bearer realm="lingpai"`, a.header.Get("WWW-Authenticate"))
	}
}

// TestUserinfoWithTokensInTheWrongPlace (RFC 6750 §2): never in a URL, never in two places.
func TestUserinfoWithTokensInTheWrongPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.signIn("alice", "scope", "openid").text("access_token")
	inForm := "access_token=" + token
	for name, a := range map[string]answer{
		"query":            w.get("/userinfo?"+inForm, nil),
		"query and header": w.get("/userinfo?"+inForm, bearer(token)),
		"query of a POST":  w.post("/userinfo?"+inForm, inForm, nil),
		"header and form":  w.post("/userinfo", inForm, bearer(token)),
		"form twice":       w.post("/userinfo", inForm+"&"+inForm, nil),
		"header twice":     w.get("/userinfo", http.Header{"Authorization": {"Bearer " + token, "Bearer " + token}}),
		"NUL in the form":  w.post("/userinfo", inForm+"%00", nil),
	} {
		require.Equal(t, http.StatusBadRequest, a.status, name)
		requireError(t, a, http.StatusBadRequest, "invalid_request")
	}
	requireError(t, w.post("/userinfo", `{"access_token":"`+token+`"}`, http.Header{"Content-Type": {"application/json"}}), http.StatusUnsupportedMediaType, "invalid_request")
	a := w.ask(http.MethodDelete, "/userinfo", nil, bearer(token))
	requireError(t, a, http.StatusMethodNotAllowed, "invalid_request")
	require.Equal(t, "GET, POST", a.header.Get("Allow"))
	require.NotContains(t, w.log.String(), token)
}

// forger makes tokens as an attacker would, who has read a good one and the key set.
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

// sign signs by the attacker's own key, with header members changed.
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

// mac signs by HMAC with what everybody knows of our key.
func (f forger) mac(key []byte) string {
	input := f.segment(f.changed("alg", "HS256")) + "." + f.segment(f.claims)
	h := hmac.New(sha256.New, key)
	h.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// TestForgedAccessTokens (RFC 8725 §2) all get one answer.
func TestForgedAccessTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.signIn("alice", "scope", "openid")
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
	tokens := map[string]string{
		"alg none": unsigned("none"), "alg None": unsigned("None"), "alg nOnE": unsigned("nOnE"), "no alg": f.sign("alg", nil),
		"alg none, signature kept": f.segment(f.changed("alg", "none")) + "." + segments[1] + "." + segments[2],
		"signature left out":       segments[0] + "." + segments[1] + ".", "third part left out": segments[0] + "." + segments[1],
		"HS256 by modulus": f.mac(modulus), "HS256 by JWK": f.mac([]byte(jwk["n"].(string))), "HS256 by nothing": f.mac(nil),
		"own key": f.sign(), "RS512": f.sign("alg", "RS512"), "PS256": f.sign("alg", "PS256"),
		"own key, jwk": f.sign("jwk", ownJWK), "own key, jwk alone": f.sign("jwk", ownJWK, "kid", nil),
		"own key, jku": f.sign("jku", w.issuer+"/evil", "kid", "evil"), "own key, x5u": f.sign("x5u", w.issuer+"/evil"), "own key, x5c": f.sign("x5c", []string{"MIIB"}),
		"unknown kid": f.sign("kid", "unknown"), "no kid": f.sign("kid", nil), "empty kid": f.sign("kid", ""), "kid a path": f.sign("kid", "../../dev/null"),
		"kid SQL": f.sign("kid", "' UNION SELECT 'x"), "kid NUL": f.sign("kid", "\x00"), "kid number": f.sign("kid", 7), "kid array": f.sign("kid", []string{"x"}),
		"kid of 6 kB": f.sign("kid", strings.Repeat("k", 6000)), "crit": f.sign("crit", []string{"x"}), "b64 false": f.sign("b64", false, "crit", []string{"b64"}),
		"ID token": a.text("id_token"), "refresh token": a.text("refresh_token"), "code": w.code("alice"),
		"cut": good[:len(good)-1], "cut by ten": good[:len(good)-10], "longer": good + "A", "padded": good + "==", "bit flipped": string(flipped),
		"other payload": segments[0] + "." + f.segment(map[string]any{"sub": "u_admin"}) + "." + segments[2],
		"JSON":          `{"payload":"` + segments[1] + `","protected":"` + segments[0] + `","signature":"` + segments[2] + `"}`,
		"five parts":    good + "." + segments[1] + "." + segments[2], "dots": strings.Repeat(".", 8000), "thousand parts": strings.Repeat("a.", 1000),
		"spaces in front": " " + good, "tab in front": "\t" + good, "two": good + " " + good, "comma": good + "," + good, "quoted": `"` + good + `"`,
		"PBES2 JWE": f.segment(map[string]any{"alg": "PBES2-HS256+A128KW", "p2c": 1 << 31, "enc": "A128GCM", "zip": "DEF"}) + ".a.a.a.a",
	}
	want := w.userinfo("x")
	requireError(t, want, http.StatusUnauthorized, "invalid_token")
	for name, token := range tokens {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			got := w.userinfo(token)
			requireError(t, got, http.StatusUnauthorized, "invalid_token")
			require.Equal(t, withoutRequestID(want), withoutRequestID(got))
			require.Contains(t, got.header.Get("WWW-Authenticate"), `Bearer realm="lingpai", error="invalid_token", error_description="`)
			require.Less(t, time.Since(begun), time.Second)
		})
	}
	require.Equal(t, http.StatusOK, w.userinfo(good).status)
}

// TestTokensOfOurKeyThatAreNotForHere: a good signature is not enough.
func TestTokensOfOurKeyThatAreNotForHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := claimsOf(t, w.signIn("alice", "scope", "openid").text("access_token"))
	other := claimsOf(t, w.signIn("bob", "scope", "openid").text("access_token"))
	now := w.clock.Now().Unix()
	for name, change := range map[string]map[string]any{
		"another path of the issuer": {"iss": w.issuer + "/tenant"},
		"issuer with a slash":        {"iss": w.issuer + "/"},
		"no issuer":                  {"iss": nil},
		"no session":                 {"sid": nil},
		"a session that never was":   {"sid": "01900000-0000-7000-8000-000000000000"},
		"a session that is no UUID":  {"sid": "' OR 1=1"},
		"a session with NUL":         {"sid": "\x00"},
		"somebody else's session":    {"sid": other["sid"]},
		"somebody else's subject":    {"sub": other["sub"]},
		"another client":             {"client_id": "mini-2"},
		"expired a second ago":       {"exp": now - 1},
		"no expiry":                  {"exp": nil},
		"expiry a text":              {"exp": "9999999999"},
		"expiry a fraction":          {"exp": 1e300},
		"expiry below zero":          {"exp": -1},
	} {
		t.Run(name, func(t *testing.T) {
			claims := maps.Clone(good)
			maps.Copy(claims, change)
			payload, err := json.Marshal(claims)
			require.NoError(t, err)
			token, err := w.keys.Sign("at+jwt", payload)
			require.NoError(t, err)
			requireError(t, w.userinfo(string(token)), http.StatusUnauthorized, "invalid_token")
		})
	}
	payload, err := json.Marshal(good)
	require.NoError(t, err)
	for _, typ := range []string{"JWT", "at+jwt+x", "logout+jwt", ""} {
		token, err := w.keys.Sign(typ, payload)
		require.NoError(t, err)
		requireError(t, w.userinfo(string(token)), http.StatusUnauthorized, "invalid_token")
	}
	for _, payload := range []string{"[]", "null", `"x"`, "{}", ""} {
		if token, err := w.keys.Sign("at+jwt", []byte(payload)); err == nil {
			requireError(t, w.userinfo(string(token)), http.StatusUnauthorized, "invalid_token")
		}
	}
}

// TestAccessTokensEnd by their time and with their session, at once.
func TestAccessTokensEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.signIn("alice", "scope", "openid").text("access_token")
	w.clock.Move(time.Hour - 3*time.Second)
	require.Equal(t, http.StatusOK, w.userinfo(token).status)
	w.clock.Move(4 * time.Second)
	requireError(t, w.userinfo(token), http.StatusUnauthorized, "invalid_token")
}

// TestScopeOfAccessTokens: without openid there is no user to tell of (RFC 6750 §3.1).
func TestScopeOfAccessTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.userinfo(w.signIn("alice", "scope", "api profile").text("access_token"))
	requireError(t, a, http.StatusForbidden, "insufficient_scope")
	require.Contains(t, a.header.Get("WWW-Authenticate"), `error="insufficient_scope"`)
	require.Contains(t, a.header.Get("WWW-Authenticate"), `scope="openid"`)
}
