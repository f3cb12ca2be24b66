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

// connection is the connection of a device, from its request to the end of its session.
type connection struct {
	visitor
	device device
	at     page
	tokens answer
}

// deviceStage is a step of a connection, and how it is refused if the client was disabled just before it, or the user
// was, has a new password, or was signed out.
type deviceStage struct {
	name                 string
	next                 func(c *connection) page
	clientGone, userGone func(c *connection, p page)
}

func deviceStages() []deviceStage {
	unknownClient := onDevice(refusedByPage(http.StatusUnauthorized, "应用未注册"))
	expired := onDevice(refusedByPage(http.StatusBadRequest, "页面已过期"))
	invalidClient := onDevice(refusedWith(http.StatusUnauthorized, "invalid_client"))
	invalidGrant := onDevice(refusedWith(http.StatusBadRequest, "invalid_grant"))
	pending := onDevice(refusedWith(http.StatusBadRequest, "authorization_pending"))
	return []deviceStage{
		{"a poll", func(c *connection) page { return c.device.poll().page() }, invalidClient, pending},
		{"the code", func(c *connection) page { return c.open(c.device.complete()) }, unknownClient,
			onDevice(askedToSignIn)},
		{"the page to sign in", func(c *connection) page { return c.open(c.at.next()) }, unknownClient, nil},
		{"the sign-in", func(c *connection) page {
			return c.submit(c.at, "username", "alice", "password", testPassword)
		}, unknownClient, nil},
		{"the page to approve", func(c *connection) page { return c.open(c.at.next()) }, unknownClient,
			onDevice(askedToSignIn)},
		{"the approval", func(c *connection) page { return c.submit(c.at, "decision", "allow") }, unknownClient,
			expired},
		{"the tokens", func(c *connection) page {
			c.tokens = c.device.poll()
			return c.tokens.page()
		}, invalidClient, invalidGrant},
		{"a refresh", func(c *connection) page { return c.device.w.refreshed("tv", c.tokens).page() }, invalidClient,
			invalidGrant},
	}
}

// onDevice makes a check of an attempt one of a connection.
func onDevice(check func(*attempt, page)) func(*connection, page) {
	return func(c *connection, p page) { check(&attempt{visitor: c.visitor}, p) }
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
				user := w.user("alice")
				c := &connection{visitor: w.visitor(), device: w.device("tv")}
				for _, done := range deviceStages()[:n] {
					c.at = done.next(c)
				}
				require.NoError(t, happen(w, user))
				before := w.sessionsOf(user)
				check(c, refused.next(c))
				require.NoError(t, w.database.Users().Enable(t.Context(), user.ID))
				require.NotEqual(t, http.StatusOK, c.device.poll().status)
				require.Equal(t, before, w.sessionsOf(user))
			})
		}
	}
}

// sessionsOf returns how many active sessions a user has.
func (w devices) sessionsOf(user identity.User) int {
	w.t.Helper()
	sessions, err := w.database.Sessions().List(w.t.Context(), user.ID)
	require.NoError(w.t, err)
	return len(sessions)
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
		s.configure = func(c *serversettings.Settings) { c.BrowserIdle, c.BrowserAbsolute = time.Minute, time.Hour }
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
