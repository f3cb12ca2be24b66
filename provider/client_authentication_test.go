package provider_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// basic is HTTP Basic of halves that are form-encoded (RFC 6749 §2.3.1).
func basic(id, secret string) string {
	return rawBasic(url.QueryEscape(id) + ":" + url.QueryEscape(secret))
}

func rawBasic(credentials string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
}

func TestClientsAuthenticateByHeaderOrForm(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for name, pairs := range map[string][]string{
		"public, client_id alone":             {},
		"public, Basic without secret":        {"client_id", "", ":Authorization", basic("mini", "")},
		"public, empty secret counts as none": {"client_secret", ""},
		"secret in the form": {"client_id", "backend", "client_secret", testSecret,
			"appid", testApp},
		"Basic": {"client_id", "", ":Authorization",
			basic("backend", testSecret), "appid", testApp},
		"Basic, any case": {"client_id", "", ":Authorization",
			strings.Replace(basic("backend", testSecret), "Basic", "bAsIc", 1), "appid", testApp},
		"Basic and the same client_id": {"client_id", "backend", ":Authorization",
			basic("backend", testSecret), "appid", testApp},
		"odd secret in the form": {"client_id", "odd", "client_secret", oddSecret},
		"odd secret by Basic, form-encoded": {"client_id", "", ":Authorization",
			rawBasic("odd:a%3Ab%25%2Bc")},
		"odd secret by Basic, colon not escaped": {"client_id", "", ":Authorization", rawBasic("odd:a:b%25%2Bc")},
		"id with needless escapes": {"client_id", "", ":Authorization",
			rawBasic("%6fdd:a%3Ab%25%2Bc")},
	} {
		t.Run(name, func(t *testing.T) {
			requireTokens(t, w.token(w.wechatCode("alice").with(pairs...)))
		})
	}
}

// TestClientsThatFailToAuthenticate all get the same answer, byte for byte, so that it does not reveal which clients
// exist.
func TestClientsThatFailToAuthenticate(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	want := w.token(w.wechatCode("alice").with("client_id", "backend", "client_secret", "wrong"))
	requireError(t, want, http.StatusUnauthorized, "invalid_client")
	for name, pairs := range map[string][]string{
		"unknown":                          {"client_id", "nobody"},
		"unknown with a secret":            {"client_id", "nobody", "client_secret", testSecret},
		"unknown by Basic":                 {"client_id", "", ":Authorization", basic("nobody", testSecret)},
		"wrong secret by Basic":            {"client_id", "", ":Authorization", basic("backend", "wrong")},
		"empty secret by Basic":            {"client_id", "", ":Authorization", basic("backend", "")},
		"secret left out":                  {"client_id", "backend"},
		"another client's secret":          {"client_id", "backend", "client_secret", oddSecret},
		"secret with a trailing character": {"client_id", "backend", "client_secret", testSecret + "x"},
		"secret cut short": {"client_id", "backend", "client_secret",
			testSecret[:len(testSecret)-1]},
		"secret of 15 000 bytes": {"client_id", "backend", "client_secret",
			testSecret + strings.Repeat("x", 15_000)},
		"secret in another case": {"client_id", "backend", "client_secret",
			strings.ToUpper(testSecret)},
		"secret with NUL by Basic": {"client_id", "", ":Authorization",
			basic("backend", testSecret+"\x00")},
		"id in another case":                     {"client_id", "BACKEND", "client_secret", testSecret},
		"id with a space":                        {"client_id", "backend ", "client_secret", testSecret},
		"id with NUL by Basic":                   {"client_id", "", ":Authorization", basic("backend\x00", testSecret)},
		"id that is not UTF-8 by Basic":          {"client_id", "", ":Authorization", basic("\xff\xfe", testSecret)},
		"id of 15 000 bytes":                     {"client_id", strings.Repeat("i", 15_000)},
		"a user's id":                            {"client_id", "u_0123456789012345678901"},
		"SQL wildcard":                           {"client_id", "back%", "client_secret", testSecret},
		"public client with a secret":            {"client_id", "mini", "client_secret", "x"},
		"public client with a secret by Basic":   {"client_id", "", ":Authorization", basic("mini", "x")},
		"client without stored secret":           {"client_id", "without-secret"},
		"client without stored secret, with one": {"client_id", "without-secret", "client_secret", "x"},
		"disabled public client":                 {"client_id", "disabled"},
		"disabled client, right secret":          {"client_id", "disabled-backend", "client_secret", testSecret},
		"secret by Basic not form-encoded":       {"client_id", "", ":Authorization", rawBasic("odd:a:b%25+c")},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.token(w.wechatCode("alice").with(pairs...))
			requireError(t, a, http.StatusUnauthorized, "invalid_client")
			require.Equal(t, withoutRequestID(want), withoutRequestID(a))
			require.Equal(t, `Basic realm="lingpai"`, a.header.Get("WWW-Authenticate"))
		})
	}
	require.Empty(t, w.simulator.Requests().Codes, "no code is spent for a client that is not authenticated")
	for id := range strings.Lines(w.asked.String()) {
		require.NoError(t, identity.ValidClientID(strings.TrimSpace(id)),
			"an id that no client can have must reach neither caches nor databases")
	}
	log := w.log.String()
	require.NotContains(t, log, testSecret)
	require.NotContains(t, log, "nobody", "an unknown client_id may be a misplaced secret")
	for _, cause := range []string{
		"there is no such client", "client backend sent a wrong secret", "client backend sent no secret",
		"client mini is public and has no secret",
		"client disabled is disabled", "client disabled-backend is disabled",
	} {
		require.Contains(t, log, `"cause":"`+cause+`"`)
	}
}

func TestTheLogNamesWhoseRequestIsRefused(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for _, f := range []form{w.wechatCode("alice").with("scope", "root"),
		passwordForm("alice", "x").with("client_id", "mini", "client_secret", ""), refreshForm("x")} {
		w.log.Reset()
		require.GreaterOrEqual(t, w.token(f).status, http.StatusBadRequest)
		require.Contains(t, w.log.String(), `"client":"mini"`)
	}
	w.log.Reset()
	w.token(refreshForm("x").with("client_id", "nobody"))
	require.Contains(t, w.log.String(), `"client":""`, "an unknown client_id is not logged")
}

var requestIDs = regexp.MustCompile(`"request_id":"[^"]*"`)

func withoutRequestID(a answer) string { return requestIDs.ReplaceAllString(a.body, "") }

func TestAuthorizationHeadersOtherThanBasic(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for name, header := range map[string]string{
		"empty":                    "",
		"Bearer":                   "Bearer abc",
		"no credentials":           "Basic",
		"no base64":                "Basic ***",
		"no colon":                 rawBasic("backend"),
		"no id":                    rawBasic(":" + testSecret),
		"a broken escape":          rawBasic("odd:a:b%+c"),
		"a broken escape in id":    rawBasic("%zz:" + testSecret),
		"NUL alone":                rawBasic("\x00:\x00"),
		"another scheme":           "Digest username=backend",
		"Basic with comma":         basic("backend", testSecret) + ", Bearer x",
		"Basic in URL-safe base64": "Basic YmFja2VuZDps_-==",
	} {
		t.Run(name, func(t *testing.T) {
			body, headers := w.wechatCode("alice").with("client_id", "").encode()
			headers["Authorization"] = []string{header}
			requireError(t, w.post("/token", body, headers), http.StatusUnauthorized, "invalid_client")
		})
	}
}

// TestTwoWaysOfAuthentication at once are rejected, even if both are right (RFC 6749 §2.3).
func TestTwoWaysOfAuthentication(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	right := basic("backend", testSecret)
	for name, c := range map[string]struct {
		headers []string
		pairs   []string
	}{
		"Basic and secret": {[]string{right}, []string{"client_id", "backend", "client_secret",
			testSecret}},
		"Basic and secret without id":   {[]string{right}, []string{"client_id", "", "client_secret", testSecret}},
		"Basic and another's client_id": {[]string{right}, []string{"client_id", "mini"}},
		"another's Basic and client_id": {[]string{basic("mini", "")}, []string{"client_id", "backend"}},
		"Bearer and secret": {[]string{"Bearer x"}, []string{"client_id", "backend", "client_secret",
			testSecret}},
		"Basic twice":          {[]string{right, right}, []string{"client_id", ""}},
		"two clients by Basic": {[]string{right, basic("mini", "")}, []string{"client_id", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			body, headers := w.wechatCode("alice").with(c.pairs...).encode()
			headers["Authorization"] = c.headers
			requireError(t, w.post("/token", body, headers), http.StatusBadRequest, "invalid_request")
		})
	}
}

// TestClientsAuthenticateBeforeUsers: a client that fails to authenticate learns nothing about a password, a code or
// a refresh token.
func TestClientsAuthenticateBeforeUsers(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	refresh := w.signIn("alice").text("refresh_token")
	want := withoutRequestID(w.token(passwordForm("nobody", "x").with("client_secret", "wrong")))
	for name, f := range map[string]form{
		"right password":     passwordForm("alice", testPassword).with("client_secret", "wrong"),
		"wrong password":     passwordForm("alice", "wrong").with("client_secret", "wrong"),
		"good refresh token": refreshForm(refresh).with("client_id", "backend", "client_secret", "wrong"),
		"bad scope":          passwordForm("alice", testPassword).with("client_secret", "wrong", "scope", "no such"),
		"no such client":     refreshForm(refresh).with("client_id", "nobody"),
	} {
		require.Equal(t, want, withoutRequestID(w.token(f)), name)
	}
	requireTokens(t, w.token(refreshForm(refresh)))
}

// TestClientsMayUseOnlyTheirGrants (RFC 6749 §5.2; passwords are for first-party clients, §4.3).
func TestClientsMayUseOnlyTheirGrants(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	refresh := w.signIn("alice").text("refresh_token")
	for name, f := range map[string]form{
		"password at a public client": passwordForm("alice", testPassword).with("client_id", "mini",
			"client_secret", ""),
		"authorization code at one without it": {"grant_type": "authorization_code", "client_id": "mini", "code": "x"},
		"password at a third party":            passwordForm("alice", testPassword).with("client_id", "third-party"),
		"password at a client without it": passwordForm("alice", testPassword).with("client_id", "odd",
			"client_secret", oddSecret),
		"refresh at a client without it": refreshForm(refresh).with("client_id", "codes-only"),
		"code at a client without it":    w.wechatCode("alice").with("client_id", "refresh-only"),
		"code by its URN at one without it": w.wechatCode("alice").with("client_id", "refresh-only",
			"grant_type", "urn:lingpai:oauth:grant-type:wechat_code"),
		"refresh at a confidential without it": refreshForm(refresh).with("client_id", "odd", "client_secret",
			oddSecret),
	} {
		t.Run(name, func(t *testing.T) {
			requireError(t, w.token(f), http.StatusBadRequest, "unauthorized_client")
		})
	}
	for _, name := range []string{"implicit", "CLIENT_CREDENTIALS", "__proto__",
		"WECHAT_CODE", " password", "password ", "urn:ietf:params:oauth:grant-type:jwt-bearer"} {
		requireError(t, w.token(form{"grant_type": name, "client_id": "mini", "code": "x"}), http.StatusBadRequest,
			"unsupported_grant_type")
	}
	require.Empty(t, len(w.simulator.Requests().Codes)-1, "WeChat was asked only for the sign-in")
}

// TestClientDisabledWhileItsSessionsLive: it can no longer refresh, from the next request on.
func TestClientDisabledWhileItsSessionsLive(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	refresh := w.signIn("alice").text("refresh_token")
	require.NoError(t, w.database.Clients().Disable(context.Background(), "mini"))
	requireError(t, w.token(refreshForm(refresh)), http.StatusUnauthorized, "invalid_client")
	requireError(t, w.token(refreshForm(refresh).with("client_id", "mini-2")), http.StatusBadRequest, "invalid_grant")
}
