package provider_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
	serversettings "github.com/lingpai/lingpai/server/settings"
)

// deviceStages are those of a device, from its request to the end of its session. Its user may also have signed out.
func deviceStages() []stage {
	unknownClient := refusedByPage(http.StatusUnauthorized, "应用未注册")
	expired := refusedByPage(http.StatusBadRequest, "页面已过期")
	invalidClient := refusedWith(http.StatusUnauthorized, "invalid_client")
	invalidGrant := refusedWith(http.StatusBadRequest, "invalid_grant")
	pending := refusedWith(http.StatusBadRequest, "authorization_pending")
	return []stage{
		{"a poll", func(a *attempt) page { return a.device.poll().page() }, invalidClient, pending},
		{"the code", func(a *attempt) page { return a.open(a.device.complete()) }, unknownClient, askedToSignIn},
		{"the page to sign in", (*attempt).follow1, unknownClient, nil},
		{"the sign-in", func(a *attempt) page {
			return a.submit(a.at, "username", "alice", "password", testPassword)
		}, unknownClient, nil},
		{"the page to approve", (*attempt).follow1, unknownClient, askedToSignIn},
		{"the approval", func(a *attempt) page { return a.submit(a.at, "decision", "allow") }, unknownClient,
			expired},
		{"the tokens", func(a *attempt) page {
			a.tokens = a.device.poll()
			return a.tokens.page()
		}, invalidClient, invalidGrant},
		{"a refresh", func(a *attempt) page { return a.device.w.refreshed("tv", a.tokens).page() }, invalidClient,
			invalidGrant},
	}
}

// TestDisabledBetweenTwoStepsOfADevice: the next step is refused, and the device gets no tokens, nor later when the
// user is enabled again.
func TestDisabledBetweenTwoStepsOfADevice(t *testing.T) {
	t.Parallel()
	changed, err := password.New(password.Options{}).Hash(t.Context(), password.Caller{}, "another good password")
	require.NoError(t, err)
	for name, happen := range map[string]func(w devices, user identity.User) error{
		"client disabled": func(w devices, _ identity.User) error {
			return w.database.Clients().Disable(t.Context(), "tv")
		},
		"user disabled": func(w devices, user identity.User) error {
			return w.database.Users().Disable(t.Context(), user.ID)
		},
		"password changed": func(w devices, user identity.User) error {
			return w.database.Users().SetPassword(t.Context(), user.ID, changed)
		},
		"signed out": func(w devices, _ identity.User) error {
			for _, session := range w.browsersOf("alice") {
				if _, err := w.database.BrowserSessions().End(t.Context(), session.ID, identity.EndedByUser,
					false); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		for n, refused := range deviceStages() {
			check := refused.userGone
			if name == "client disabled" {
				check = refused.clientGone
			}
			if check == nil {
				continue
			}
			t.Run(name+" before "+refused.name, func(t *testing.T) {
				w := newDevices(t)
				a := &attempt{visitor: w.visitor(), user: w.user("alice"), device: w.device("tv")}
				for _, done := range deviceStages()[:n] {
					a.at = done.next(a)
				}
				require.NoError(t, happen(w, a.user))
				before := a.kept()
				check(a, refused.next(a))
				require.NoError(t, w.database.Users().Enable(t.Context(), a.user.ID))
				require.NotEqual(t, http.StatusOK, a.device.poll().status)
				require.Equal(t, before, a.kept())
			})
		}
	}
}

// TestDevicesWhoseClientChanges: what the client may do counts when its user approves, and when the device asks.
func TestDevicesWhoseClientChanges(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	less, none := w.device("tv", "scope", "openid profile"), w.device("tv")
	v := w.visitor()
	asked := v.approval(none, "alice")
	require.Contains(t, v.approval(less, "alice").body, "个人资料")
	w.update("tv", func(c *identity.Client) { c.Scopes = []string{"openid"} })
	p := v.approval(less, "alice")
	require.NotContains(t, p.body, "个人资料")
	v.submit(p, "decision", "allow")
	tokens := less.poll()
	requireTokens(t, tokens)
	require.Equal(t, "openid", tokens.text("scope"))

	w.update("tv", func(c *identity.Client) { c.Grants = []string{oauth.GrantRefreshToken} })
	for _, p := range []page{v.open(none.complete()), v.submit(asked, "decision", "allow")} {
		require.Equal(t, http.StatusBadRequest, p.status)
		require.Contains(t, p.body, "<bdi>The television</bdi>")
	}
	none.requirePoll("unauthorized_client")
	requireTokens(t, w.refreshed("tv", tokens))
}

// TestApprovalsOfExpiredSessions: the browser session of the user who has approved may expire before the device asks.
func TestApprovalsOfExpiredSessions(t *testing.T) {
	t.Parallel()
	w := newDevices(t, func(s *settings) {
		s.also(func(c *serversettings.Settings) { c.BrowserIdle, c.BrowserAbsolute = time.Minute, time.Hour })
	})
	in, late := w.device("tv"), w.device("tv")
	v := w.visitor()
	v.approve(in, "alice")
	v.approve(late, "alice")
	requireTokens(t, in.poll())
	w.clock.Move(2 * time.Minute)
	require.Empty(t, w.browsersOf("alice"))
	late.requirePoll("invalid_grant")
}

// TestPagesForDevicesNameTheClient by its id if it has no name: the user must see what gets access.
func TestPagesForDevicesNameTheClient(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	w.update("tv", func(c *identity.Client) { c.Name = "" })
	v := w.visitor()
	for _, decision := range []string{"allow", "deny"} {
		asked := v.approval(w.device("tv"), "alice")
		require.Contains(t, asked.body, "<bdi>tv</bdi>")
		require.Contains(t, v.submit(asked, "decision", decision).body, "<bdi>tv</bdi>")
	}
}
