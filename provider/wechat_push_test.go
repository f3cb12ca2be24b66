package provider_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// pushCalls is an installation to which WeChat pushes messages.
type pushCalls struct{ *env }

func newPushEnv(t testing.TB, options ...option) pushCalls {
	t.Helper()
	w := pushCalls{newEnv(t, options...)}
	w.setPush(testApp, identity.PushSecure, "json")
	return w
}

// setPush sets the pushes of an app at the server and at WeChat, which verifies the URL.
func (w pushCalls) setPush(app, mode, format string) {
	w.t.Helper()
	keys := wechat.NewPushKeys()
	require.NoError(w.t, w.database.Apps().Pushes().Set(context.Background(), identity.Push{
		Platform: identity.PlatformWechat, App: app, Mode: mode, Keys: identity.PushKeys{
			Token:          identity.Secret(keys.Token.Reveal()),
			EncodingAESKey: identity.Secret(keys.EncodingAESKey.Reveal()),
		}}, time.Hour))
	require.NoError(w.t, w.simulator.SetPush(w.pushSettings(app, w.issuer+provider.WechatPushPath+app, format)))
}

// pushSettings returns what an operator enters at WeChat.
func (w pushCalls) pushSettings(app, url, format string) wechattest.PushSettings {
	w.t.Helper()
	push, err := w.database.Apps().Pushes().Find(context.Background(), identity.PlatformWechat, app)
	require.NoError(w.t, err)
	return wechattest.PushSettings{AppID: app, URL: url, Mode: push.Mode, Format: format,
		Token: push.Keys.Token.Reveal(), EncodingAESKey: push.Keys.EncodingAESKey.Reveal()}
}

// revoke is a message that a user has withdrawn something now.
func revoke(user, info string) wechattest.PushMessage {
	return wechattest.PushMessage{AppID: testApp, User: user, Event: "user_authorization_revoke", RevokeInfo: info}
}

func cancel(user string) wechattest.PushMessage {
	return wechattest.PushMessage{AppID: testApp, User: user, Event: "user_authorization_cancellation"}
}

// push sends a message, which must be acknowledged at once, and applies it.
func (w pushCalls) push(message wechattest.PushMessage) {
	w.t.Helper()
	w.acknowledged(message)
	require.NoError(w.t, w.pushes.ApplyDue(context.Background()))
}

// acknowledged sends a message, which must be acknowledged at once.
func (w pushCalls) acknowledged(message wechattest.PushMessage) {
	w.t.Helper()
	pushed, err := w.simulator.Push(message)
	require.NoError(w.t, err)
	require.Equal(w.t, wechattest.Pushed{Tries: 1, Acknowledged: true, Status: 200, Answer: "success"}, pushed)
}

// captured is the request of a push that WeChat sent.
type captured struct {
	query url.Values
	body  string
}

// capture returns the request of a push about an app, instead of sending it to the server.
func (w pushCalls) capture(app string, message wechattest.PushMessage) (c captured) {
	w.t.Helper()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c = captured{r.URL.Query(), string(body)}
		_, _ = io.WriteString(w, r.URL.Query().Get("echostr"))
	}))
	defer elsewhere.Close()
	require.NoError(w.t, w.simulator.SetPush(w.pushSettings(app, elsewhere.URL, "json")))
	_, err := w.simulator.Push(message)
	require.NoError(w.t, err)
	return c
}

// deliver sends a captured push to the server, and applies what it has stored.
func (w pushCalls) deliver(app string, c captured) answer {
	w.t.Helper()
	a := w.post(provider.WechatPushPath+app+"?"+c.query.Encode(), c.body,
		http.Header{"Content-Type": {"application/json"}})
	require.NoError(w.t, w.pushes.ApplyDue(context.Background()))
	return a
}

// requireRefused requires the one answer to everything that is not a push.
func requireRefused(t testing.TB, a answer) {
	t.Helper()
	require.Equal(t, http.StatusForbidden, a.status, a.body)
	delete(a.members, "request_id")
	require.Equal(t, map[string]any{"error": "access_denied",
		"error_description": "This is not a message push for an app of this server.",
		"error_uri":         "https://github.com/lingpai/lingpai/blob/main/docs/errors.md#access_denied"}, a.members)
}

func requireAcknowledged(t testing.TB, a answer) {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, "success", a.body)
	require.Equal(t, "text/plain; charset=utf-8", a.header.Get("Content-Type"))
	require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
}

// userOf returns the user of an account at the app, or "".
func (w pushCalls) userOf(app, user string) string {
	w.t.Helper()
	account, err := w.database.Accounts().Find(context.Background(), identity.AccountKey{
		Platform: identity.PlatformWechat, App: app, Subject: wechattest.OpenID(app, user)})
	if err != nil {
		require.ErrorIs(w.t, err, identity.ErrNotFound)
	}
	return account.UserID
}

func TestPushesInEveryMode(t *testing.T) {
	t.Parallel()
	w := newPushEnv(t)
	for _, mode := range identity.PushModes() {
		for _, format := range []string{"json", "xml"} {
			t.Run(mode+" "+format, func(t *testing.T) {
				w.setPush(testApp, mode, format)
				user := "user-" + mode + "-" + format
				session, other := w.signIn(user), w.signIn("bystander")
				w.push(revoke(user, "8"))
				w.requireEnded(t, session)
				requireTokens(t, w.token(refreshForm(other.text("refresh_token"))))
				ended := w.session(t, session).EndReason
				require.Equal(t, identity.EndedByPlatform, ended)
			})
		}
	}
	push, err := w.database.Apps().Pushes().Find(t.Context(), identity.PlatformWechat, testApp)
	require.NoError(t, err)
	require.False(t, push.VerifiedAt.IsZero())
	require.False(t, push.ReceivedAt.IsZero())
}

// session returns the session of a sign-in.
func (w pushCalls) session(t testing.TB, a answer) identity.Session {
	t.Helper()
	session, _, err := w.database.Sessions().Find(t.Context(), claimsOf(t, a.text("access_token"))["sid"].(string))
	require.NoError(t, err)
	return session
}

// requireActive requires the sessions of sign-ins not to have ended.
func (w pushCalls) requireActive(t testing.TB, answers ...answer) {
	t.Helper()
	for _, a := range answers {
		require.True(t, w.session(t, a).Active(w.clock.Now()))
	}
}

// given is what users have given through WeChat: a profile that it suggested or that they chose with its components, an
// e-mail address, a postal address and a phone number.
func (w pushCalls) given(t testing.TB, user string, chosen bool) (sub string, session answer) {
	t.Helper()
	session = w.signIn(user)
	sub = w.userOf(testApp, user)
	profile := identity.Profile{Nickname: "小明", Picture: "https://example.com/a.png"}
	if chosen {
		profile.Email, profile.Address = "a@example.com", "1 Long Street"
		require.NoError(t, w.database.Profiles().Choose(t.Context(), sub, profile))
	} else {
		_, err := w.database.Profiles().Suggest(t.Context(), sub, profile)
		require.NoError(t, err)
	}
	require.NoError(t, w.database.Profiles().SetPhone(t.Context(), sub, identity.Phone{Number: "+8613800000000",
		SeenAt: w.clock.Now(), Verified: true}))
	return sub, session
}

// left names the data of a user that is still there.
func (w pushCalls) left(t testing.TB, sub string) string {
	t.Helper()
	details, err := w.database.Profiles().Find(t.Context(), sub)
	require.NoError(t, err)
	var left []string
	for _, data := range [][2]string{{"nickname", details.Nickname}, {"picture", details.Picture},
		{"email", details.Email}, {"address", details.Address}, {"phone", details.Phone.Number}} {
		if data[1] != "" {
			left = append(left, data[0])
		}
	}
	return strings.Join(left, " ")
}

// TestEveryRevokeInfo deletes what WeChat's tables name, and ends the sessions if that was something that this server
// has.
func TestEveryRevokeInfo(t *testing.T) {
	t.Parallel()
	w := newPushEnv(t)
	const all, suggested = "nickname picture email address phone", "nickname picture phone"
	for info, want := range map[string]struct {
		suggested, chosen string // what is left of both kinds of profiles
		ends              bool
	}{
		"1": {suggested, all, false}, "2": {suggested, "nickname picture email phone", true},
		"3": {suggested, all, false}, "4": {suggested, all, false}, "5": {suggested, all, false},
		"6": {"phone", all, true}, "7": {suggested, all, false},
		"8":  {"nickname picture", "nickname picture email address", true},
		"12": {suggested, all, false}, "13": {suggested, all, false}, "14": {suggested, all, false},
		"15": {suggested, all, false}, "16": {suggested, "nickname picture address phone", true},
		"18": {suggested, all, false}, "19": {"phone", "picture email address phone", true},
		"20":  {"phone", "nickname email address phone", true},
		"201": {suggested, "nickname picture email phone", true},
		"202": {suggested, all, false}, "203": {suggested, all, false}, "204": {suggested, all, false},
		"205": {"phone", all, true}, "206": {suggested, all, false}, "207": {suggested, all, false},
		"301": {"", "", true},
		"6,8": {"", "nickname picture email address", true},
		"999": {suggested, all, false}, "": {"", "", true}, "everything": {"", "", true},
		`["8"]`: {"nickname picture", "nickname picture email address", true},
	} {
		t.Run(info, func(t *testing.T) {
			for _, chosen := range []bool{false, true} {
				user := "user " + info
				sub, session := w.given(t, user, chosen)
				w.clock.Move(2 * time.Second)
				before := len(w.eventsOf(identity.EventAuthRevoked))
				w.push(revoke(user, info))
				if chosen {
					require.Equal(t, want.chosen, w.left(t, sub))
				} else {
					require.Equal(t, want.suggested, w.left(t, sub))
				}
				if want.ends {
					w.requireEnded(t, session)
				} else {
					w.requireActive(t, session)
				}
				events := w.eventsOf(identity.EventAuthRevoked)
				require.Len(t, events, before+1)
				require.Equal(t, sub, events[0].UserID)
				require.Equal(t, "WeChat", events[0].Actor.Name)
				require.Equal(t, "127.0.0.1", events[0].Actor.Address)
				if info != "" && info[0] <= '9' {
					require.Contains(t, events[0].Detail, "wechat "+testApp+" "+strings.ReplaceAll(info, ",", " ")+": ")
				}
			}
		})
	}
}

// TestModifiedProfile: WeChat has cleared a nickname or a picture. The user has withdrawn nothing, and stays signed in.
func TestModifiedProfile(t *testing.T) {
	t.Parallel()
	w := newPushEnv(t)
	sub, session := w.given(t, "ada", false)
	w.clock.Move(2 * time.Second)
	w.push(wechattest.PushMessage{AppID: testApp, User: "ada", Event: "user_info_modified"})
	require.Equal(t, "phone", w.left(t, sub))
	w.requireActive(t, session)
	require.Equal(t, "wechat "+testApp+": deleted the profile", w.eventsOf(identity.EventInfoModified)[0].Detail)
}

// TestEndedSessionsAreTold about in the list of revocations.
func TestEndedSessionsAreTold(t *testing.T) {
	t.Parallel()
	w := newPushEnv(t)
	session := w.signIn("ada")
	require.False(t, w.revocations(t).has(t, session.text("access_token")))
	w.push(revoke("ada", "8"))
	w.clock.Move(5 * time.Second)
	require.True(t, w.revocations(t).has(t, session.text("access_token")))
}

// TestPushesThatAreLate affect only what was there when WeChat sent them.
func TestPushesThatAreLate(t *testing.T) {
	t.Parallel()
	w := newPushEnv(t)
	sub, before := w.given(t, "ada", false)
	w.clock.Move(time.Minute)
	late := revoke("ada", "301")
	late.CreateTime = w.clock.Now().Unix()
	w.clock.Move(23 * time.Hour)
	again := w.signIn("ada") // and nothing else was given again
	w.clock.Move(time.Hour)
	w.push(late)
	require.Empty(t, w.left(t, sub))
	w.requireActive(t, again)
	require.Equal(t, identity.EndedByPlatform, w.session(t, before).EndReason)

	sub, again = w.given(t, "ada", false)
	late.RevokeInfo = "6,8,301" // another notice, as late
	w.push(late)
	require.Equal(t, "nickname picture phone", w.left(t, sub), "it was given again since")
	w.requireActive(t, again)
}

func TestCancelledAccounts(t *testing.T) {
	t.Parallel()
	w := newPushEnv(t)
	w.given(t, "ada", false)
	only, session := w.given(t, "ada", false)
	w.clock.Move(2 * time.Second)
	w.push(cancel("ada"))
	w.requireEnded(t, session)
	require.Empty(t, w.left(t, only))
	user, err := w.database.Users().Find(t.Context(), only)
	require.NoError(t, err)
	require.True(t, user.DeletionRequested())
	w.clock.Move(366 * 24 * time.Hour)
	_, err = w.database.Deletions().PurgeDeleted(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, w.userOf(testApp, "ada"))

	both, session := w.given(t, "bob", false)
	require.NoError(t, w.database.Accounts().Link(t.Context(), both, identity.ExternalIdentity{
		AccountKey: identity.AccountKey{Platform: identity.PlatformQQ, App: "1112345678", Subject: "bob"}}))
	w.clock.Move(2 * time.Second)
	w.push(cancel("bob"))
	w.requireEnded(t, session)
	user, err = w.database.Users().Find(t.Context(), both)
	require.NoError(t, err)
	require.False(t, user.DeletionRequested())
	require.Empty(t, w.userOf(testApp, "bob"))
}

// TestSessionKeyIsForgotten, too. It is not in the database, so that is tried until it is done.
func TestSessionKeyIsForgotten(t *testing.T) {
	t.Parallel()
	w := newPushEnv(t)
	account := wechat.Account{AppID: testApp, OpenID: wechattest.OpenID(testApp, "ada")}
	vault := wechat.NewVault(wechat.VaultConfig{Store: w.volatile, NotFound: identity.ErrNotFound, Sealer: w.ring,
		Now: w.clock.Now})
	w.signIn("ada", "scope", "openid wechat.data")
	_, err := vault.Current(t.Context(), account)
	require.NoError(t, err)
	w.clock.Move(2 * time.Second)
	w.acknowledged(cancel("ada"))
	w.volatile.broken.Store(true)
	for range 3 {
		require.Error(t, w.pushes.ApplyDue(t.Context()))
		require.Len(t, w.eventsOf(identity.EventAuthCancelled), 1, "the database does not wait for it")
		w.clock.Move(5 * time.Minute)
	}
	w.volatile.broken.Store(false)
	require.NoError(t, w.pushes.ApplyDue(t.Context()))
	_, err = vault.Current(t.Context(), account)
	require.ErrorIs(t, err, wechat.ErrNoSessionKey)
	require.Len(t, w.eventsOf(identity.EventAuthCancelled), 1)
}

// TestOtherMessages are acknowledged, and nothing is written but the time.
func TestOtherMessages(t *testing.T) {
	t.Parallel()
	w := newPushEnv(t)
	session := w.signIn("ada")
	w.push(wechattest.PushMessage{AppID: testApp, User: "ada"})
	writes := w.writes()
	before := writes()
	for _, event := range []string{"", "debug_demo", "subscribe", "USER_INFO_MODIFIED", "user_authorization_revoke2"} {
		w.push(wechattest.PushMessage{AppID: testApp, User: "ada", Event: event, RevokeInfo: "301"})
	}
	require.Equal(t, before, writes())
	w.requireActive(t, session)
}

// TestAPushIsOneWrite: the answer waits for one write, whatever the message requires.
func TestAPushIsOneWrite(t *testing.T) {
	t.Parallel()
	w := newPushEnv(t)
	w.given(t, "ada", false)
	writes := w.writes()
	for _, message := range []wechattest.PushMessage{revoke("ada", "8"), cancel("ada"), revoke("nobody", "301")} {
		before := writes()
		w.acknowledged(message)
		require.Equal(t, before+1, writes())
	}
}

// BenchmarkPush compares a push, from the handler down, with one write.
func BenchmarkPush(b *testing.B) {
	w := newPushEnv(b)
	b.Run("push", func(b *testing.B) {
		now, requests := w.clock.Now().Unix(), make([]*http.Request, b.N)
		for n := range requests {
			message := revoke("ada", "8")
			message.CreateTime = now - int64(n) // each is another notice
			c := w.capture(testApp, message)
			requests[n] = httptest.NewRequest(http.MethodPost, provider.WechatPushPath+testApp+"?"+c.query.Encode(),
				strings.NewReader(c.body))
		}
		b.ResetTimer()
		for _, request := range requests {
			recorder := httptest.NewRecorder()
			w.server.Config.Handler.ServeHTTP(recorder, request)
			require.Equal(b, "success", recorder.Body.String())
		}
	})
	b.Run("one write", func(b *testing.B) {
		for n := range b.N {
			require.NoError(b, w.database.Events().Record(b.Context(), identity.Event{Kind: identity.EventExported,
				UserID: strconv.Itoa(n)}))
		}
	})
}
