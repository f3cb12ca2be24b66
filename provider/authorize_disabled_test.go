package provider_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/password"
)

// attempt is a sign-in of a user at the client "partner", or with a device, from its beginning to the end of its
// session.
type attempt struct {
	visitor
	user   identity.User
	device device // if it is with one
	at     page
	tokens answer
}

// stage is a step of an attempt, and how it is refused if the client was disabled just before it, or the user was, or
// has a new password.
type stage struct {
	name                 string
	next                 func(a *attempt) page
	clientGone, userGone func(a *attempt, p page)
}

func stages() []stage {
	unknownClient := refusedByPage(http.StatusUnauthorized, "应用未注册")
	invalidClient := refusedWith(http.StatusUnauthorized, "invalid_client")
	invalidGrant := refusedWith(http.StatusBadRequest, "invalid_grant")
	invalidToken := refusedWith(http.StatusUnauthorized, "invalid_token")
	return []stage{
		{"the link", func(a *attempt) page { return a.open(a.request("partner")) }, unknownClient, notRefused},
		{"the page to sign in", (*attempt).follow1, unknownClient, notRefused},
		{"the password", func(a *attempt) page {
			return a.submit(a.at, "username", a.user.Username, "password", testPassword)
		}, unknownClient, refusedByPage(http.StatusBadRequest, `id="password-error"`)},
		{"the request again", (*attempt).follow1, unknownClient, askedToSignIn},
		{"the page to consent", (*attempt).follow1, unknownClient, askedToSignIn},
		{"the consent", func(a *attempt) page { return a.submit(a.at, "decision", "allow") }, unknownClient,
			refusedByPage(http.StatusBadRequest, "页面已过期")},
		{"the callback", (*attempt).follow1, unknownClient, askedToSignIn},
		{"the tokens", func(a *attempt) page {
			a.tokens = a.redeem("partner", a.visitor.code(a.at, "partner"))
			return a.tokens.page()
		}, invalidClient, invalidGrant},
		{"a refresh", func(a *attempt) page { return a.refresh("partner", a.tokens).page() },
			invalidClient, invalidGrant},
		{"who it is", func(a *attempt) page { return a.userinfo(a.tokens.text("access_token")).page() },
			invalidToken, invalidToken},
		{"a second request", func(a *attempt) page { return a.open(a.request("partner", "prompt", "none")) },
			unknownClient, func(a *attempt, p page) {
				values := a.answered(p, "partner")
				require.Equal(a.t, "login_required", values.Get("error"))
				require.Equal(a.t, "the state", values.Get("state"))
			}},
		{"the end", func(a *attempt) page { return a.open(logout("id_token_hint", a.tokens.text("id_token"))) },
			unknownClient, notRefused},
	}
}

// follow1 follows a page once.
func (a *attempt) follow1() page { return a.open(a.at.next()) }

// page returns an answer of an endpoint as a page.
func (a answer) page() page { return page{status: a.status, header: a.header, body: a.body} }

func notRefused(a *attempt, p page) { require.Less(a.t, p.status, http.StatusBadRequest, p.body) }

func refusedByPage(status int, text string) func(*attempt, page) {
	return func(a *attempt, p page) {
		require.Equal(a.t, status, p.status, p.body)
		require.Contains(a.t, p.body, text)
		require.Empty(a.t, p.next())
	}
}

func askedToSignIn(a *attempt, p page) {
	require.Contains(a.t, a.follow(p).body, `name="password"`)
}

func refusedWith(status int, code string) func(*attempt, page) {
	return func(a *attempt, p page) {
		refused := answer{status: p.status, header: p.header, body: p.body}
		require.NoError(a.t, json.Unmarshal([]byte(p.body), &refused.members), p.body)
		requireError(a.t, refused, status, code)
	}
}

// kept returns how many sessions, browser sessions and consents a user has.
func (a *attempt) kept() (kept [3]int) {
	a.t.Helper()
	sessions, err := a.database.Sessions().List(a.t.Context(), a.user.ID)
	require.NoError(a.t, err)
	consents, err := a.database.Consents().List(a.t.Context(), a.user.ID)
	require.NoError(a.t, err)
	return [3]int{len(sessions), len(a.browsersOf(a.user.Username)), len(consents)}
}

// TestDisabledBetweenTwoSteps: the next step is refused in its own form, and leaves nothing, also for the time when the
// user is enabled again.
func TestDisabledBetweenTwoSteps(t *testing.T) {
	t.Parallel()
	changed, err := password.New(password.Options{}).Hash(t.Context(), password.Caller{}, "another good password")
	require.NoError(t, err)
	clientGone := func(s stage) func(*attempt, page) { return s.clientGone }
	userGone := func(s stage) func(*attempt, page) { return s.userGone }
	for name, event := range map[string]struct {
		happen  func(a *attempt) error
		refused func(s stage) func(*attempt, page)
	}{
		"client disabled": {func(a *attempt) error {
			return a.database.Clients().Disable(t.Context(), "partner")
		}, clientGone},
		"user disabled": {func(a *attempt) error {
			return a.database.Users().Disable(t.Context(), a.user.ID)
		}, userGone},
		"password changed": {func(a *attempt) error {
			return a.database.Users().SetPassword(t.Context(), a.user.ID, changed)
		}, userGone},
	} {
		for n, refused := range stages() {
			t.Run(name+" before "+refused.name, func(t *testing.T) {
				w := newWeb(t)
				user, err := w.database.Users().FindByUsername(t.Context(), "alice")
				require.NoError(t, err)
				a := &attempt{visitor: w.visitor(), user: user}
				for _, done := range stages()[:n] {
					a.at = done.next(a)
				}
				require.NoError(t, event.happen(a))
				before := a.kept()
				event.refused(refused)(a, refused.next(a))
				require.Equal(t, before, a.kept())
				require.NoError(t, w.database.Users().Enable(t.Context(), user.ID))
				require.Equal(t, before, a.kept())
			})
		}
	}
}
