package provider_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/pushes"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// TestRefusedPushes: whatever is wrong with a push, there is one answer, nothing is done, and a stranger can fill
// neither the log nor the audit log.
func TestRefusedPushes(t *testing.T) {
	t.Parallel()
	w := newPushEnv(t)
	session := w.signIn("ada")
	genuine := w.capture(testApp, revoke("ada", "8"))
	w.setPush(otherApp, identity.PushSecure, "json")
	ofAnother := w.capture(otherApp, wechattest.PushMessage{AppID: otherApp, OpenID: wechattest.OpenID(testApp, "ada"),
		Event: "user_authorization_revoke", RevokeInfo: "8"})
	changed := func(change func(c *captured)) captured {
		c := captured{url.Values{}, genuine.body}
		for name, values := range genuine.query {
			c.query[name] = values
		}
		change(&c)
		return c
	}
	// the Token is the same, but the AppID within is not
	keys, err := w.database.Apps().Pushes().Find(t.Context(), identity.PlatformWechat, testApp)
	require.NoError(t, err)
	keys.App = otherApp
	require.NoError(t, w.database.Apps().Pushes().Set(t.Context(), keys, time.Hour))
	sealedForAnother := w.capture(otherApp, wechattest.PushMessage{AppID: otherApp,
		OpenID: wechattest.OpenID(testApp, "ada"), Event: "user_authorization_revoke", RevokeInfo: "8"})

	refused := map[string]captured{
		"nothing":              {},
		"no signature":         changed(func(c *captured) { c.query.Del("msg_signature") }),
		"a forged signature":   changed(func(c *captured) { c.query.Set("msg_signature", strings.Repeat("a", 40)) }),
		"another time":         changed(func(c *captured) { c.query.Set("timestamp", "1") }),
		"another app's push":   ofAnother,
		"sealed for an app":    sealedForAnother,
		"in clear":             changed(func(c *captured) { c.body = clear("ada") }),
		"an openid in the URL": changed(func(c *captured) { c.body = `{"MsgType":"event"}` }),
		"half":                 changed(func(c *captured) { c.body = c.body[:len(c.body)/2] }),
		"no body":              changed(func(c *captured) { c.body = "" }),
		"a flipped bit":        changed(func(c *captured) { c.body = strings.Replace(c.body, `:"`, `:"A`, 1) }),
		"a document type":      changed(func(c *captured) { c.body = `<!DOCTYPE a [<!ENTITY b "c">]><xml>&b;</xml>` }),
		"XML bombs":            changed(func(c *captured) { c.body = strings.Repeat("<xml>", 10_000) }),
		"JSON bombs":           changed(func(c *captured) { c.body = strings.Repeat(`{"a":`, 10_000) }),
		"the largest body":     changed(func(c *captured) { c.body = strings.Repeat("a", 64<<10) }),
	}
	w.log.Reset()
	writes := w.writes()
	before := writes()
	for name, c := range refused {
		t.Run(name, func(t *testing.T) {
			for _, app := range []string{testApp, "wx0000000000000000", "a%00b", "%ff", strings.Repeat("x", 4000)} {
				requireRefused(t, w.deliver(app, c))
				unsigned := changed(func(c *captured) { c.query.Del("signature") })
				requireRefused(t, w.get(provider.WechatPushPath+app+"?echostr=1&"+unsigned.query.Encode(), nil))
			}
		})
	}
	requireError(t, w.deliver(testApp, changed(func(c *captured) { c.body = strings.Repeat("a", 64<<10+1) })),
		http.StatusRequestEntityTooLarge, "invalid_request")
	w.requireActive(t, session)
	require.Empty(t, w.eventsOf(identity.EventAuthRevoked))
	require.LessOrEqual(t, writes(), before+1, "the event about one app, at most once a minute")
	require.Len(t, w.eventsOf(identity.EventPushRefused), 1)
	require.Equal(t, "wechat "+testApp, w.eventsOf(identity.EventPushRefused)[0].Detail)
	lines := 0
	for line := range strings.Lines(w.log.String()) {
		if strings.Contains(line, `"level":"WARN"`) || strings.Contains(line, `"level":"INFO"`) {
			lines++
		}
	}
	require.LessOrEqual(t, lines, 2, w.log.String()) // one about refusals, one about the body that is too large
	requireAcknowledged(t, w.deliver(testApp, genuine))
	w.requireEnded(t, session)
}

// clear is a message in clear.
func clear(user string) string {
	return fmt.Sprintf(`{"ToUserName":"gh_1","CreateTime":%d,"MsgType":"event","Event":"user_authorization_revoke",`+
		`"OpenID":%q,"RevokeInfo":"8"}`, time.Now().Unix(), wechattest.OpenID(testApp, user))
}

// TestVerificationsByStrangers: the URL repeats nothing unless WeChat asks.
func TestVerificationsByStrangers(t *testing.T) {
	t.Parallel()
	w := newPushEnv(t)
	requireRefused(t, w.get(provider.WechatPushPath+testApp+"?signature=aa&timestamp=1&nonce=2&echostr=3", nil))
	requireRefused(t, w.get(provider.WechatPushPath+testApp, nil))
	requireError(t, w.ask(http.MethodPut, provider.WechatPushPath+testApp, nil, nil), http.StatusMethodNotAllowed,
		"invalid_request")
	former := w.pushSettings(testApp, w.issuer+provider.WechatPushPath+testApp, "")
	w.setPush(testApp, identity.PushSecure, "")
	require.NoError(t, w.simulator.SetPush(former), "the former Token is accepted for a while")
	w.clock.Move(time.Hour + time.Second)
	require.ErrorContains(t, w.simulator.SetPush(former), "status 403")
	require.NoError(t, w.database.Apps().Pushes().Remove(t.Context(), identity.PlatformWechat, testApp))
	require.ErrorContains(t, w.simulator.SetPush(former), "status 403")
}

// TestRotatedKeys: no push is lost between the command and the console.
func TestRotatedKeys(t *testing.T) {
	t.Parallel()
	w := newPushEnv(t)
	former := w.capture(testApp, revoke("ada", "8"))
	session := w.signIn("ada")
	w.setPush(testApp, identity.PushSecure, "json")
	requireAcknowledged(t, w.deliver(testApp, former))
	w.requireEnded(t, session)
	w.push(revoke("ada", "6"))
	w.clock.Move(time.Hour + time.Second)
	requireRefused(t, w.deliver(testApp, former))
}

// TestReplayedPush: anyone who has seen a push can send it again, and nothing changes.
func TestReplayedPush(t *testing.T) {
	t.Parallel()
	w := newPushEnv(t)
	w.signIn("ada")
	seen := w.capture(testApp, revoke("ada", "301"))
	requireAcknowledged(t, w.deliver(testApp, seen))
	w.clock.Move(2 * time.Second)
	sub, session := w.given(t, "ada", false)
	for range 5 {
		requireAcknowledged(t, w.deliver(testApp, seen))
	}
	w.requireActive(t, session)
	require.Equal(t, "nickname picture phone", w.left(t, sub))
	require.Len(t, w.eventsOf(identity.EventAuthRevoked), 1)

	// also when the server no longer remembers it
	w.clock.Move(pushes.MaxAge)
	sub, session = w.given(t, "ada", false)
	requireRefused(t, w.deliver(testApp, seen))
	w.requireActive(t, session)
	require.Equal(t, "nickname picture phone", w.left(t, sub))
}

// TestPushesAboutTheFuture would end sessions and delete data that are yet to come.
func TestPushesAboutTheFuture(t *testing.T) {
	t.Parallel()
	w := newPushEnv(t)
	session := w.signIn("ada")
	for _, at := range []int64{w.clock.Now().Add(time.Hour).Unix(), 1 << 40, 1<<63 - 1, -1} {
		message := revoke("ada", "8")
		message.CreateTime = at
		pushed, err := w.simulator.Push(message)
		require.NoError(t, err)
		require.Equal(t, http.StatusForbidden, pushed.Status)
	}
	w.requireActive(t, session)
	message := revoke("ada", "8")
	message.CreateTime = w.clock.Now().Add(time.Minute).Unix() // WeChat's clock is ahead
	w.push(message)
	w.requireEnded(t, session)
	w.clock.Move(time.Second)
	w.requireActive(t, w.signIn("ada"))

	// what comes between the answer and the deletion stays
	message.CreateTime = w.clock.Now().Add(5 * time.Minute).Unix()
	message.RevokeInfo = "301"
	w.acknowledged(message)
	w.clock.Move(2 * time.Second)
	sub, session := w.given(t, "ada", false)
	w.clock.Move(time.Minute)
	require.NoError(t, w.pushes.ApplyDue(t.Context()))
	w.requireActive(t, session)
	require.Equal(t, "nickname picture phone", w.left(t, sub))
}

func TestPushesOfUnknownUsers(t *testing.T) {
	t.Parallel()
	w := newPushEnv(t)
	for n := range 15 {
		w.push(revoke(fmt.Sprintf("unknown %d", n), "8"))
	}
	w.push(cancel("unknown"))
	w.push(wechattest.PushMessage{AppID: testApp, OpenID: strings.Repeat("o", 4000), Event: "user_info_modified"})
	events := w.eventsOf(identity.EventAuthRevoked)
	require.Len(t, events, 15, "each is evidence")
	require.Equal(t, "wechat "+testApp+" 8: unknown user", events[0].Detail)
	require.Empty(t, events[0].UserID)
	require.Len(t, w.eventsOf(identity.EventAuthCancelled), 1)
	require.Empty(t, w.userOf(testApp, "unknown"))
}

// broken fails a number of times, before or after it has done something.
type broken struct {
	failures atomic.Int64
	after    atomic.Bool
}

func (b *broken) do(something func() error) error {
	if b.failures.Add(-1) < 0 {
		return something()
	}
	if !b.after.Load() {
		return errors.New("the disk is full")
	}
	if err := something(); err != nil {
		return err
	}
	return errors.New("the connection was lost")
}

// brokenNotices cannot be stored.
type brokenNotices struct {
	identity.WithdrawalNotices
	broken
}

func (b *brokenNotices) Add(ctx context.Context, notice identity.WithdrawalNotice) error {
	return b.do(func() error { return b.WithdrawalNotices.Add(ctx, notice) })
}

// TestStoreFailsDuringAPush: it is not acknowledged, and WeChat's repetition is applied, once.
func TestStoreFailsDuringAPush(t *testing.T) {
	t.Parallel()
	store := &brokenNotices{}
	w := newPushEnv(t, func(s *settings) {
		s.stores = func(stores *server.Stores) {
			store.WithdrawalNotices, stores.WithdrawalNotices = stores.WithdrawalNotices, store
		}
	})
	for _, after := range []bool{false, true} {
		store.after.Store(after)
		user := fmt.Sprint("user ", after)
		session := w.signIn(user)
		store.failures.Store(2)
		pushed, err := w.simulator.Push(revoke(user, "8"))
		require.NoError(t, err)
		require.Equal(t, wechattest.Pushed{Tries: 3, Acknowledged: true, Status: 200, Answer: "success"}, pushed)
		require.NoError(t, w.pushes.ApplyDue(t.Context()))
		w.requireEnded(t, session)

		store.failures.Store(3)
		pushed, err = w.simulator.Push(revoke(user, "6"))
		require.NoError(t, err)
		require.False(t, pushed.Acknowledged)
		require.Equal(t, http.StatusServiceUnavailable, pushed.Status)
		require.NoError(t, w.pushes.ApplyDue(t.Context()))
	}
	require.Len(t, w.eventsOf(identity.EventAuthRevoked), 3, "8 and 8, and the 6 that was stored")
}

// heldNotices stores nothing until it may.
type heldNotices struct {
	identity.WithdrawalNotices
	came, hold chan struct{}
}

func (h *heldNotices) Add(ctx context.Context, notice identity.WithdrawalNotice) error {
	h.came <- struct{}{}
	<-h.hold
	return h.WithdrawalNotices.Add(context.WithoutCancel(ctx), notice)
}

// TestPushesHaveSlotsOfTheirOwn: however many come, users can sign in, and what finds no slot is not acknowledged.
func TestPushesHaveSlotsOfTheirOwn(t *testing.T) {
	t.Parallel()
	held := &heldNotices{came: make(chan struct{}, 10), hold: make(chan struct{})}
	w := newPushEnv(t, func(s *settings) {
		s.inFlight = 1 // of quick requests, and one of pushes
		s.stores = func(stores *server.Stores) {
			held.WithdrawalNotices, stores.WithdrawalNotices = stores.WithdrawalNotices, held
		}
	})
	first, second := w.capture(testApp, revoke("ada", "8")), w.capture(testApp, revoke("bob", "8"))
	answers := make(chan answer, 1)
	go func() { answers <- w.deliver(testApp, first) }()
	<-held.came
	session := w.signIn("ada")
	requireTokens(t, w.token(refreshForm(session.text("refresh_token"))))
	refused := w.deliver(testApp, second)
	require.Equal(t, http.StatusServiceUnavailable, refused.status)
	close(held.hold)
	requireAcknowledged(t, <-answers)
	requireAcknowledged(t, w.deliver(testApp, second))
}

// pushesAtOnce is for TestManyPushesAtOnce. The long test is .ci/long pushes: the race detector needs a lot of memory
// for so many goroutines.
var pushesAtOnce = flag.Int("pushes", 500, "how many messages WeChat pushes at once")

// TestManyPushesAtOnce: what is acknowledged is applied, once. It is not parallel, since other tests would wait for it.
func TestManyPushesAtOnce(t *testing.T) {
	messages, users := *pushesAtOnce, 50
	w := newPushEnv(t, func(s *settings) { s.connections = 6000 })
	var sessions []answer
	for n := range users {
		sessions = append(sessions, w.signIn(fmt.Sprint("user ", n)))
	}
	now := w.clock.Now().Unix()
	var acknowledged, tries atomic.Int64
	var running sync.WaitGroup
	for n := range messages {
		running.Go(func() {
			message := revoke(fmt.Sprint("user ", n%users), "8")
			message.CreateTime = now - int64(n/users) // each is another notice
			for t.Context().Err() == nil {
				pushed, err := w.simulator.Push(message)
				tries.Add(int64(pushed.Tries))
				if err == nil && pushed.Acknowledged {
					acknowledged.Add(1)
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
	running.Wait()
	require.EqualValues(t, messages, acknowledged.Load())
	require.NoError(t, w.pushes.ApplyDue(t.Context()))
	t.Logf("%d pushes took %d tries", messages, tries.Load())
	recorded := 0
	for of := range users {
		sub := w.userOf(testApp, fmt.Sprint("user ", of))
		events, err := w.database.Events().List(t.Context(), identity.EventsOf{Kind: identity.EventAuthRevoked,
			UserID: sub}, messages)
		require.NoError(t, err)
		recorded += len(events)
	}
	require.Equal(t, messages, recorded)
	w.requireEnded(t, sessions...)
}
