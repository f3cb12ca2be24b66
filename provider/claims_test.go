package provider_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// newClaimsWeb is newWeb with clients that may have all claims but phone numbers, about users who have all of them.
func newClaimsWeb(t *testing.T) *web {
	t.Helper()
	w := newWeb(t)
	for _, client := range []string{"shop", "partner"} {
		w.setScopes(client, "openid", "profile", "email", "address", "offline_access")
	}
	w.knowAll(w.user("alice").ID)
	return w
}

// setScopes sets what a client is registered for.
func (w *web) setScopes(client string, scopes ...string) {
	w.t.Helper()
	record, err := w.database.Clients().Find(w.t.Context(), client)
	require.NoError(w.t, err)
	record.Scopes = scopes
	require.NoError(w.t, w.database.Clients().Update(w.t.Context(), record))
}

// about returns the names of the claims about the user.
func about(claims map[string]any) []string {
	claims = maps.Clone(claims)
	maps.DeleteFunc(claims, func(name string, _ any) bool { return oauth.ClaimScope(name) == "" })
	return names(claims)
}

// allow allows what the page asks for, if it asks.
func (v visitor) allow(p page) page {
	v.t.Helper()
	if !strings.Contains(p.body, `id="consent-allow"`) {
		return p
	}
	return v.follow(v.submit(p, "decision", "allow"))
}

// renewed refreshes a client's tokens.
func (w *web) renewed(client string, a answer) answer {
	w.t.Helper()
	return w.token(form{"grant_type": "refresh_token", "client_id": client, "client_secret": testSecret,
		"refresh_token": a.text("refresh_token"), "scope": "openid"})
}

var (
	emailClaims = []string{"email", "email_verified"}
	allProfile  = []string{"gender", "locale", "name", "nickname", "picture", "preferred_username", "updated_at"}
)

// TestRequestedClaims: what is requested × allowed × delivered, at the operator's own client and at somebody else's. A
// refresh delivers the same.
func TestRequestedClaims(t *testing.T) {
	t.Parallel()
	w := newClaimsWeb(t)
	for name, c := range map[string]struct {
		scope, claims     string
		allowed           []string // what the user of somebody else's client must allow
		idToken, userInfo []string
	}{
		"nothing": {"openid", `{}`, []string{"openid"}, nil, nil},
		"userinfo": {"openid", `{"userinfo":{"email":{"essential":true}}}`, []string{"openid", "email"}, nil,
			[]string{"email"}},
		"ID token": {"openid", `{"id_token":{"name":{"essential":true},"email_verified":null}}`,
			[]string{"openid", "email", "profile"}, []string{"email_verified", "name"}, nil},
		"both": {"openid", `{"id_token":{"address":null},"userinfo":{"address":null,"picture":null}}`,
			[]string{"openid", "address", "profile"}, []string{"address"}, []string{"address", "picture"}},
		"with a scope": {"openid email", `{"id_token":{"locale":null,"email":null},"userinfo":{}}`,
			[]string{"openid", "email", "profile"}, append([]string{"locale"}, emailClaims...), emailClaims},
		"what the scope covers": {"openid profile", `{"userinfo":{"name":null}}`, []string{"openid", "profile"},
			allProfile, allProfile},
		"not registered": {"openid",
			`{"id_token":{"phone_number":{"essential":true}},"userinfo":{"phone_number":null}}`, []string{"openid"},
			nil, nil},
		"unknown": {"openid", `{"id_token":{"shoe_size":{"essential":true}},"other":1}`, []string{"openid"}, nil, nil},
	} {
		for _, client := range []string{"shop", "partner"} {
			v := w.visitor()
			back := v.signIn("alice", client, "scope", c.scope, "claims", c.claims)
			require.Equal(t, client == "partner", strings.Contains(back.body, `id="consent-allow"`), name)
			a := w.redeem(client, v.code(v.allow(back), client))
			requireTokens(t, a)
			require.Equal(t, c.scope, a.text("scope"), "the scope is as requested")
			for range 2 {
				require.ElementsMatch(t, c.idToken, about(claimsOf(t, a.text("id_token"))), name)
				info := w.userinfo(a.text("access_token"))
				require.Equal(t, http.StatusOK, info.status)
				require.ElementsMatch(t, c.userInfo, about(info.members), name)
				a = w.token(form{"grant_type": "refresh_token", "client_id": client, "client_secret": testSecret,
					"refresh_token": a.text("refresh_token"), "scope": c.scope})
				requireTokens(t, a)
			}
		}
		consent, err := w.database.Consents().Find(t.Context(), w.user("alice").ID, "partner", "")
		require.NoError(t, err)
		require.ElementsMatch(t, c.allowed, consent.Scopes, name)
		_, err = w.database.Consents().Withdraw(t.Context(), w.user("alice").ID, "partner")
		require.NoError(t, err)
	}
}

// TestConsentToClaims: the user sees the scopes that cover the claims, is asked again for more, and may refuse.
func TestConsentToClaims(t *testing.T) {
	t.Parallel()
	w := newClaimsWeb(t)
	v := w.visitor()
	v.code(v.allow(v.signIn("alice", "partner")), "partner")
	claims := []string{"claims", `{"userinfo":{"address":null}}`, "ui_locales", "en"}
	silent := v.open(v.request("partner", append(claims, "prompt", "none")...))
	require.Equal(t, "consent_required", v.answered(silent, "partner").Get("error"))
	asked := v.follow(v.open(v.request("partner", claims...)))
	require.Contains(t, asked.body, "See your postal address")
	denied := v.submit(asked, "decision", "deny")
	require.Equal(t, "access_denied", v.answered(denied, "partner").Get("error"))
	v.code(v.allow(asked), "partner")
	v.code(v.open(v.request("partner", append(claims, "prompt", "none")...)), "partner")
	v.code(v.open(v.request("partner", "prompt", "none", "scope", "openid address")), "partner")
}

// TestClaimsEnd with the consent, and when the client is no longer registered for their scope.
func TestClaimsEnd(t *testing.T) {
	t.Parallel()
	w := newClaimsWeb(t)
	v := w.visitor()
	claims := `{"id_token":{"email":null,"name":null},"userinfo":{"email":null,"name":null}}`
	a := w.redeem("partner", v.code(v.allow(v.signIn("alice", "partner", "claims", claims)), "partner"))
	requireTokens(t, a)
	w.setScopes("partner", "openid", "email")
	w.clock.Move(time.Minute) // servers may know the record from before for a second
	require.Equal(t, []string{"email"}, about(w.userinfo(a.text("access_token")).members))
	a = w.renewed("partner", a)
	requireTokens(t, a)
	require.Equal(t, []string{"email"}, about(claimsOf(t, a.text("id_token"))))

	withdrawn, err := w.database.Consents().Withdraw(t.Context(), w.user("alice").ID, "partner")
	require.NoError(t, err)
	require.True(t, withdrawn)
	requireError(t, w.userinfo(a.text("access_token")), http.StatusUnauthorized, "invalid_token")
	requireError(t, w.renewed("partner", a), http.StatusBadRequest, "invalid_grant")
	silent := v.open(v.request("partner", "prompt", "none", "claims", claims))
	require.Equal(t, "consent_required", v.answered(silent, "partner").Get("error"))
}

// TestClaimsForOneAPI: an API that receives a token does not get at the userinfo endpoint what its tokens have no scope
// for: phone numbers are only for tokens for the issuer.
func TestClaimsForOneAPI(t *testing.T) {
	t.Parallel()
	w := newClaimsWeb(t)
	w.update("shop", func(c *identity.Client) {
		c.Scopes, c.Audience = append(c.Scopes, "phone", "api"), []string{testAudience}
	})
	v := w.visitor()
	a := w.redeem("shop", v.codeFor("alice", "shop", "claims",
		`{"id_token":{"phone_number":null},"userinfo":{"phone_number":null,"email":null}}`))
	requireTokens(t, a)
	require.Equal(t, []string{"phone_number"}, about(claimsOf(t, a.text("id_token"))))
	require.Equal(t, []string{"email"}, about(w.userinfo(a.text("access_token")).members))
	own := w.token(form{"grant_type": "refresh_token", "client_id": "shop", "client_secret": testSecret,
		"refresh_token": a.text("refresh_token"), "resource": w.issuer})
	requireTokens(t, own)
	require.Equal(t, []string{"email", "phone_number"}, about(w.userinfo(own.text("access_token")).members))
}

// TestClaimsAboutOneUser: sub with a value is like id_token_hint: the answer is for that user or nobody.
func TestClaimsAboutOneUser(t *testing.T) {
	t.Parallel()
	w := newClaimsWeb(t)
	v := w.visitor()
	v.signIn("bob", "shop")
	sub := func(name string) string { return `{"id_token":{"sub":{"value":"` + w.user(name).ID + `"}}}` }
	v.code(v.open(v.request("shop", "prompt", "none", "claims", sub("bob"))), "shop")
	silent := v.open(v.request("shop", "prompt", "none", "claims", sub("alice")))
	require.Equal(t, "login_required", v.answered(silent, "shop").Get("error"))
	asked := v.follow(v.open(v.request("shop", "claims", sub("alice"))))
	require.Equal(t, "login_required", v.answered(v.enter(asked, "bob"), "shop").Get("error"))
	asked = v.follow(v.open(v.request("shop", "claims", sub("alice"))))
	a := w.redeem("shop", v.code(v.enter(asked, "alice"), "shop"))
	require.Equal(t, w.user("alice").ID, claimsOf(t, a.text("id_token"))["sub"])
}

// TestPushedClaims may have up to 4 KiB.
func TestPushedClaims(t *testing.T) {
	t.Parallel()
	w := newClaimsWeb(t)
	v := w.visitor()
	sized := func(bytes int) string {
		claims := `{"userinfo":{"name":null,"` + strings.Repeat("x", bytes) + `":null}}`
		return strings.Replace(claims, strings.Repeat("x", len(claims)-bytes), "", 1)
	}
	a := w.redeem("shop", v.code(v.enter(v.follow(v.open(w.push("shop", "claims", sized(4<<10)))), "alice"), "shop"))
	requireTokens(t, a)
	require.Equal(t, []string{"name"}, about(w.userinfo(a.text("access_token")).members))
	for _, claims := range []string{sized(4<<10 + 1), sized(8 << 10), "name", `{"userinfo":[]}`} {
		requireError(t, w.pushed("shop", "claims", claims), http.StatusBadRequest, "invalid_request")
	}
	back := v.open(v.request("shop", "claims", sized(4<<10)))
	require.Equal(t, "invalid_request", v.answered(back, "shop").Get("error"), "too long for an address")
	back = v.open(v.request("shop", "claims", `{"userinfo":{"name":null,"name":null}}`))
	require.Equal(t, "invalid_request", v.answered(back, "shop").Get("error"))
}

// TestClaimsWithLibraries: golang.org/x/oauth2 sends the request, and go-oidc finds that the server supports it and
// verifies the answer.
func TestClaimsWithLibraries(t *testing.T) {
	t.Parallel()
	w := newClaimsWeb(t)
	ctx := oidc.ClientContext(context.Background(), quiet)
	found, err := oidc.NewProvider(ctx, w.issuer)
	require.NoError(t, err)
	var metadata struct {
		Supported bool     `json:"claims_parameter_supported"`
		Claims    []string `json:"claims_supported"`
	}
	require.NoError(t, found.Claims(&metadata))
	require.True(t, metadata.Supported)
	require.True(t, slices.Contains(metadata.Claims, "address") && slices.Contains(metadata.Claims, "email"))
	config := &oauth2.Config{ClientID: "shop", ClientSecret: testSecret, Endpoint: found.Endpoint(),
		RedirectURL: webCallback, Scopes: []string{oidc.ScopeOpenID}}
	requested, err := json.Marshal(map[string]any{
		"id_token": map[string]any{"email": map[string]any{"essential": true}},
		"userinfo": map[string]any{"address": nil},
	})
	require.NoError(t, err)
	link := config.AuthCodeURL("the state", oauth2.S256ChallengeOption(webVerifier),
		oauth2.SetAuthURLParam("claims", string(requested)))
	parsed, err := url.Parse(link)
	require.NoError(t, err)
	v := w.visitor()
	code := v.code(v.enter(v.follow(v.open(parsed.RequestURI())), "alice"), "shop")
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(webVerifier))
	require.NoError(t, err)
	raw, _ := token.Extra("id_token").(string)
	id, err := found.Verifier(&oidc.Config{ClientID: "shop"}).Verify(ctx, raw)
	require.NoError(t, err)
	var inIDToken, atUserInfo struct {
		Email   string
		Address struct{ Formatted string }
	}
	require.NoError(t, id.Claims(&inIDToken))
	info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(token))
	require.NoError(t, err)
	require.NoError(t, info.Claims(&atUserInfo))
	require.Equal(t, "alice@example.com", inIDToken.Email)
	require.Empty(t, inIDToken.Address.Formatted)
	require.Equal(t, "1 Long Street, Springfield", atUserInfo.Address.Formatted)
	require.Empty(t, atUserInfo.Email)
	sessions, err := w.database.Sessions().List(ctx, id.Subject)
	require.NoError(t, err)
	require.Equal(t, identity.RequestedClaims{IDToken: []string{"email"}, UserInfo: []string{"address"}},
		sessions[0].Claims)
}
