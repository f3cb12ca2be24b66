package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// posted returns the parameters that a page posts to a client by itself.
func (v visitor) posted(p page, client string) url.Values {
	v.t.Helper()
	require.Contains(v.t, p.body, `action="`+v.callback(client)+`"`)
	return p.hidden()
}

// TestMixUp: each answer names the issuer (RFC 9207), whatever it is and however it gets to the client, so that a
// client of several servers notices if one of them passes on the answer of another.
func TestMixUp(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "/tenant"} {
		w := newWeb(t, func(s *settings) { s.path = path })
		v := w.visitor()
		asked := v.signIn("alice", "partner")
		posting := []string{"response_mode", "form_post"}
		for name, values := range map[string]url.Values{
			"a denial":        v.answered(v.submit(asked, "decision", "deny"), "partner"),
			"a code":          v.answered(v.allow(asked), "partner"),
			"an error":        v.answered(v.open(w.request("shop", "scope", "nothing")), "shop"),
			"nobody":          v.answered(w.visitor().open(w.request("shop", "prompt", "none")), "shop"),
			"a posted code":   v.posted(v.open(w.request("shop", posting...)), "shop"),
			"a posted error":  v.posted(v.open(w.request("shop", append(posting, "scope", "nothing")...)), "shop"),
			"a posted denial": v.posted(v.submit(v.open(v.asking(posting...).at), "decision", "deny"), "partner"),
		} {
			require.Equal(t, []string{w.issuer}, values["iss"], name)
			require.Equal(t, []string{"the state"}, values["state"], name)
			require.Len(t, values["code"], 1-len(values["error"]), name)
		}
		metadata := w.get("/.well-known/openid-configuration", nil).members
		require.Equal(t, w.issuer, metadata["issuer"])
		require.Equal(t, true, metadata["authorization_response_iss_parameter_supported"])
	}
}

// asking returns the page that asks who is signed in for consent.
func (v visitor) asking(pairs ...string) page {
	v.t.Helper()
	p := v.follow(v.open(v.request("partner", append(pairs, "prompt", "consent")...)))
	require.Contains(v.t, p.body, `id="consent-allow"`)
	return p
}

// TestHostileStates come back to the client as they were sent, and nothing of them becomes a parameter, an element or a
// header of its own.
func TestHostileStates(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v, stranger := w.visitor(), w.visitor()
	v.codeFor("alice", "shop")
	for _, state := range []string{"x&code=stolen&iss=https://evil.example", "x#code=stolen", "a;b=c", "?a=b",
		`"><script>alert(1)</script>`, "' onload='alert(1)", "%0d%0aSet-Cookie: a=b", "%00%2500", " a + b ",
		"{{.State}}",
		"状态\u202e😀", "../../token", strings.Repeat("s", 1024)} {
		values := v.answered(v.open(w.request("shop", "state", state)), "shop")
		require.Equal(t, []string{state}, values["state"])
		require.Len(t, values["code"], 1)
		require.NotContains(t, values.Get("code"), "stolen")
		posting := v.open(w.request("shop", "state", state, "response_mode", "form_post"))
		values = v.posted(posting, "shop")
		require.Equal(t, []string{state}, values["state"])
		require.Len(t, values, 3)
		require.NotContains(t, posting.body, "<script>alert")
		form := stranger.follow(stranger.open(w.request("shop", "state", state)))
		require.Equal(t, http.StatusOK, form.status)
		require.NotContains(t, form.body, "<script>")
		carried, err := url.Parse(form.at)
		require.NoError(t, err)
		require.Equal(t, []string{state}, carried.Query()["state"])
	}
}

// TestPKCEDowngrade: an attacker who removes the challenge from a request, at a client that may do without one, gets a
// code that the client cannot use; and a challenge that was sent is never done without (RFC 9700 §4.8.2).
func TestPKCEDowngrade(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	w.update("shop", func(c *identity.Client) { c.OptionalPKCE = true })
	v := w.visitor()
	v.codeFor("alice", "shop")
	stripped := []string{"code_challenge", "", "code_challenge_method", ""}
	code := v.code(v.open(w.request("shop", stripped...)), "shop")
	requireError(t, w.redeem("shop", code), http.StatusBadRequest, "invalid_grant")
	requireTokens(t, w.redeem("shop", code, "code_verifier", ""))

	code = v.code(v.open(w.request("shop")), "shop")
	requireError(t, w.redeem("shop", code, "code_verifier", ""), http.StatusBadRequest, "invalid_grant")
	requireTokens(t, w.redeem("shop", code))
	for name, pairs := range map[string][]string{
		"plain":              {"code_challenge", webVerifier, "code_challenge_method", "plain"},
		"plain by default":   {"code_challenge_method", ""},
		"a method alone":     {"code_challenge", ""},
		"another method":     {"code_challenge_method", "S512"},
		"in lower case":      {"code_challenge_method", "s256"},
		"a challenge of 42":  {"code_challenge", webVerifier[1:]},
		"a challenge of 44":  {"code_challenge", webVerifier + "A"},
		"no base64url":       {"code_challenge", strings.Repeat("!", 43)},
		"two challenges":     nil,
		"of a public client": nil,
	} {
		target := w.request("shop", pairs...)
		switch name {
		case "two challenges":
			target += "&code_challenge=" + webVerifier
		case "of a public client":
			target = w.request("spa", stripped...)
		}
		require.Equal(t, "invalid_request", v.answered(v.open(target), "shop").Get("error"), name)
	}
}

// TestInjectedCodes: an attacker puts a code of their own into the browser of somebody else (login CSRF), or the code
// of somebody else into their own. The client, which has begun another sign-in there, gets no tokens for it, or with a
// nonce only such an ID token that shows it.
func TestInjectedCodes(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	attacker := w.visitor()
	code := attacker.codeFor("bob", "shop", "code_challenge", strings.Repeat("A", 42)+"E")
	for _, client := range []string{"shop", "spa", "partner"} {
		requireError(t, w.redeem(client, code), http.StatusBadRequest, "invalid_grant")
	}
	w.update("shop", func(c *identity.Client) { c.OptionalPKCE = true })
	for _, nonce := range []string{"of the attacker", ""} {
		code = attacker.code(attacker.open(w.request("shop", "nonce", nonce, "code_challenge", "",
			"code_challenge_method", "")), "shop")
		a := w.redeem("shop", code, "code_verifier", "", "nonce", "the nonce")
		requireTokens(t, a)
		got, _ := claimsOf(t, a.text("id_token"))["nonce"].(string)
		require.Equal(t, nonce, got, "never that of another request")
	}
}

// TestCodesAreForOneRedirectURI: a code that was sent to one page of the client, which shows it to others perhaps, is
// not good for another page of the same client.
func TestCodesAreForOneRedirectURI(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	w.update("shop", func(c *identity.Client) { c.RedirectURIs = append(c.RedirectURIs, thirdCallback) })
	code := w.visitor().codeFor("alice", "shop")
	for _, uri := range []string{thirdCallback, "", webCallback + "#"} {
		require.Equal(t, http.StatusBadRequest, w.redeem("shop", code, "redirect_uri", uri).status)
	}
	requireTokens(t, w.redeem("shop", code))
}

// TestTokensInEachOthersPlace: what is good in one place is worth nothing in another, and is not used up by it.
func TestTokensInEachOthersPlace(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	require.NoError(t, w.database.Clients().Create(t.Context(), identity.Client{ID: "all", Confidential: true,
		SecretHash: identity.HashSecret(testSecret), FirstParty: true, RedirectURIs: []string{webCallback},
		Grants: []string{oauth.GrantAuthorizationCode, oauth.GrantDeviceCode, oauth.GrantRefreshToken,
			oauth.GrantWechatCode},
		Apps: []string{testApp}, Scopes: []string{"openid"}, DefaultScopes: []string{"openid"}}))
	v := w.visitor()
	tokens := v.tokens("alice", "all")
	d := w.device("all", "client_secret", testSecret)
	v.approve(d, "alice")
	pushed, err := url.Parse(w.push("all"))
	require.NoError(t, err)
	fresh := map[string]string{
		"code": v.code(v.open(w.request("all")), "all"), "device_code": d.answer.text("device_code"),
		"refresh_token": tokens.text("refresh_token"), "access_token": tokens.text("access_token"),
		"id_token": tokens.text("id_token"), "user_code": d.answer.text("user_code"), "wechat": w.code("alice"),
		"request_uri": pushed.Query().Get("request_uri"), "browser": v.cookies()[0].Value,
	}
	places := map[string]func(value string) answer{
		"code": func(value string) answer { return w.redeem("all", value) },
		"device_code": func(value string) answer {
			return w.token(form{"grant_type": oauth.GrantDeviceCode, "client_id": "all", "client_secret": testSecret,
				"device_code": value})
		},
		"refresh_token": func(value string) answer {
			return w.refresh("all", answer{members: map[string]any{
				"refresh_token": value}})
		},
		"wechat": func(value string) answer {
			return w.token(form{"grant_type": oauth.GrantWechatCode, "client_id": "all", "client_secret": testSecret,
				"code": value})
		},
		"access_token": w.userinfo,
	}
	for place, use := range places {
		for kind, value := range fresh {
			if kind == place {
				continue
			}
			a := use(value)
			require.Contains(t, []int{http.StatusBadRequest, http.StatusUnauthorized}, a.status, "%s as %s", kind,
				place)
			require.Contains(t, []string{"invalid_grant", "invalid_request", "invalid_token"}, a.text("error"),
				"%s as %s", kind, place)
		}
	}
	for place, use := range places {
		require.Equal(t, http.StatusOK, use(fresh[place]).status, place)
	}
	v.code(v.open(pushed.RequestURI()), "all")
}

// TestStepsOfAnotherBrowser: what one browser has done for a request counts in no other. Otherwise a link could carry
// an older prompt=login into a browser whose user has signed in since.
func TestStepsOfAnotherBrowser(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	request := w.request("shop", "prompt", "login")
	earlier, err := url.Parse(w.visitor().follow(w.visitor().open(request)).at)
	require.NoError(t, err)
	w.clock.Move(time.Minute)
	v := w.visitor()
	v.signIn("alice", "shop")
	w.clock.Move(time.Minute)
	seen := url.Values{"seen": {earlier.Query().Get("seen")}}
	require.NotEmpty(t, seen.Get("seen"))
	require.Contains(t, v.follow(v.open(request+"&"+seen.Encode())).body, `name="password"`)

	asked, other := v.asking(), w.visitor()
	allowed, err := url.Parse(v.submit(asked, "decision", "allow").next())
	require.NoError(t, err)
	other.signIn("alice", "shop")
	require.Contains(t, other.follow(other.open(allowed.RequestURI())).body, `id="consent-allow"`)
}
