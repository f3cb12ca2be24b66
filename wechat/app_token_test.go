package wechat_test

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

func TestParallelCallersMakeOneFetch(t *testing.T) {
	w := newAppTokenEnv(t)
	w.Fault(wechattest.Fault{Path: tokenPath, DelayMS: 100})
	replicas := []*wechat.AppTokens{w.replica(), w.replica()}
	found := make([]string, 40)
	var group sync.WaitGroup
	for n := range found {
		group.Go(func() { found[n] = tokenOf(t, replicas[n%2]) })
	}
	group.Wait()
	require.Equal(t, 1, w.fetches(), "for all callers in all replicas")
	for _, token := range found {
		require.Equal(t, found[0], token)
	}
	require.Equal(t, found[0], tokenOf(t, w.replica()), "a replica that starts later")
	require.Equal(t, 1, w.fetches())
}

func TestAppsHaveTheirOwnTokens(t *testing.T) {
	w := newAppTokenEnv(t)
	tokens := w.replica()
	other, err := tokens.Token(context.Background(), wechat.Credentials{AppID: otherApp, Secret: secret + "-two"})
	require.NoError(t, err)
	require.NotEqual(t, tokenOf(t, tokens), other.Text.Reveal())
	require.InDelta(t, 7200, other.Expires.Sub(w.clock.Now()).Seconds(), 5)
}

func TestATokenIsRenewedBeforeItsEnd(t *testing.T) {
	w := newAppTokenEnv(t)
	tokens := w.replica()
	key, openID := w.sessionKey("ada"), wechattest.OpenID(appID, "ada")
	use := func() {
		t.Helper()
		valid, err := tokens.CheckSession(context.Background(), credentials(), openID, key)
		require.NoError(t, err)
		require.True(t, valid)
	}
	use()
	w.clock.Move(7200*time.Second - 5*time.Minute - 10*time.Second)
	use()
	require.Equal(t, 1, w.fetches())
	first := w.Requests().Paths[sessionPath]
	w.clock.Move(20 * time.Second)
	use()
	use()
	require.Equal(t, 2, w.fetches())
	require.Equal(t, first+2, w.Requests().Paths[sessionPath], "none was rejected")
}

func TestATokenThatWeChatHasNotRenewedYetIsNotRequestedRepeatedly(t *testing.T) {
	w := newAppTokenEnv(t)
	w.Fault(wechattest.Fault{Path: tokenPath, Text: `{"access_token":"nearly-over","expires_in":200}`})
	tokens := w.replica()
	for range 5 {
		require.Equal(t, "nearly-over", tokenOf(t, tokens))
	}
	require.Equal(t, 1, w.fetches())
	w.clock.Move(25 * time.Second)
	require.NotEqual(t, "nearly-over", tokenOf(t, tokens))
}

func TestATokenForAClientWasConfirmedRecently(t *testing.T) {
	w := newAppTokenEnv(t)
	tokens, other := w.replica(), w.replica()
	old := tokenOf(t, tokens)
	require.Equal(t, old, tokenOf(t, other))
	replaced := w.force()
	require.NotEqual(t, old, replaced)
	require.Equal(t, old, tokenOf(t, tokens), "the replacement is not noticed yet")
	w.clock.Move(5*time.Minute + time.Second)
	require.Equal(t, replaced, tokenOf(t, tokens))
	require.Equal(t, replaced, tokenOf(t, other))
	require.Equal(t, 3, w.fetches(), "one for the forced replacement, and one for both replicas each time")
}

func TestATokenThatCannotBeRenewedIsUsedToItsEnd(t *testing.T) {
	w := newAppTokenEnv(t)
	tokens := w.replica()
	old := tokenOf(t, tokens)
	w.clock.Move(2*time.Hour - 4*time.Minute)
	w.Fault(wechattest.Fault{Path: tokenPath, Errcode: -1, Count: 100})
	for range 5 {
		require.Equal(t, old, tokenOf(t, tokens))
	}
	require.Equal(t, 2, w.fetches(), "and WeChat is not asked again at once")
	w.clock.Move(11 * time.Second)
	require.Equal(t, old, tokenOf(t, tokens))
	require.Equal(t, 3, w.fetches())
	w.clock.Move(4 * time.Minute)
	_, err := tokens.Token(context.Background(), credentials())
	requireClass(t, err, wechat.ErrUnavailable)
	w.Heal()
	require.NotEqual(t, old, tokenOf(t, tokens))
}

// TestARejectedTokenIsReplacedOnce: 40001 means that the token was replaced, the other errcodes that it is invalid or
// expired.
func TestARejectedTokenIsReplacedOnce(t *testing.T) {
	w := newAppTokenEnv(t)
	tokens, other := w.replica(), w.replica()
	key, openID := w.sessionKey("ada"), wechattest.OpenID(appID, "ada")
	ask := func(tokens *wechat.AppTokens) (bool, error) {
		return tokens.CheckSession(context.Background(), credentials(), openID, key)
	}
	for _, replica := range []*wechat.AppTokens{tokens, other} {
		valid, err := ask(replica)
		require.NoError(t, err)
		require.True(t, valid)
	}
	fetches, calls := w.fetches(), w.Requests().Paths[sessionPath]
	w.force()
	var group sync.WaitGroup
	for n := range 20 {
		group.Go(func() {
			valid, err := ask([]*wechat.AppTokens{tokens, other}[n%2])
			require.NoError(t, err)
			require.True(t, valid)
		})
	}
	group.Wait()
	require.Equal(t, fetches+2, w.fetches(), "one for the forced replacement, and one for all")
	require.LessOrEqual(t, w.Requests().Paths[sessionPath], calls+40)

	fetches, calls = w.fetches(), w.Requests().Paths[sessionPath]
	w.Advance(3 * time.Hour) // our clock is behind: the token expired before we notice
	valid, err := ask(tokens)
	require.NoError(t, err)
	require.True(t, valid)
	require.Equal(t, fetches+1, w.fetches())
	require.Equal(t, calls+2, w.Requests().Paths[sessionPath])
}

func TestATokenIsNotTriedAThirdTime(t *testing.T) {
	for _, errcode := range []int{40001, 40014, 42001} {
		w := newAppTokenEnv(t)
		tokens := w.replica()
		key, openID := w.sessionKey("ada"), wechattest.OpenID(appID, "ada")
		old := tokenOf(t, tokens)
		w.Fault(wechattest.Fault{Path: sessionPath, Errcode: errcode, Count: 100},
			wechattest.Fault{Path: tokenPath, Text: `{"access_token":"another","expires_in":7200}`})
		_, err := tokens.CheckSession(context.Background(), credentials(), openID, key)
		failed := requireClass(t, err, wechat.ErrUnavailable)
		require.Equal(t, errcode, failed.Errcode)
		require.Equal(t, 2, w.Requests().Paths[sessionPath])
		require.Equal(t, 2, w.fetches())

		w.Heal()
		_, err = tokens.CheckSession(context.Background(), credentials(), openID, key)
		requireClass(t, err, wechat.ErrUnavailable)
		require.Equal(t, 2, w.Requests().Paths[sessionPath], "neither token is used again at once")
		w.clock.Move(11 * time.Second)
		require.Equal(t, old, tokenOf(t, w.replica()))
	}
}

func TestATokenThatWasJustRejectedIsNotUsed(t *testing.T) {
	w := newAppTokenEnv(t)
	tokens := w.replica()
	key, openID := w.sessionKey("ada"), wechattest.OpenID(appID, "ada")
	old := tokenOf(t, tokens)
	w.Fault(wechattest.Fault{Path: sessionPath, Errcode: 40001})
	ask := func() error {
		_, err := tokens.CheckSession(context.Background(), credentials(), openID, key)
		return err
	}
	failed := requireClass(t, ask(), wechat.ErrUnavailable)
	require.Equal(t, 10*time.Second, failed.RetryAfter, "WeChat returns the same one again")
	require.Equal(t, 1, w.Requests().Paths[sessionPath])
	requireClass(t, ask(), wechat.ErrUnavailable)
	_, err := tokens.Token(context.Background(), credentials())
	requireClass(t, err, wechat.ErrUnavailable)
	require.Equal(t, 1, w.Requests().Paths[sessionPath])
	w.clock.Move(11 * time.Second)
	require.NoError(t, ask(), "the rejection is only remembered for a while")
	require.Equal(t, old, tokenOf(t, tokens))
}

func TestTokensWithoutTheStore(t *testing.T) {
	t.Parallel()
	for name, breakIt := range map[string]func(*store){
		"gone":  func(s *store) { s.broken = true },
		"hangs": func(s *store) { s.hangs = true },
	} {
		t.Run(name, func(t *testing.T) {
			w := newAppTokenEnv(t)
			w.store.change(func() { breakIt(w.store) })
			written := &log{}
			tokens := w.replica(func(c *wechat.Config) { c.Logger = written.logger(slog.LevelInfo) })
			first := tokenOf(t, tokens)
			require.Equal(t, first, tokenOf(t, tokens))
			require.Equal(t, 1, w.fetches())
			require.Equal(t, first, tokenOf(t, w.replica()), "WeChat gives all of them the same one")
			require.Contains(t, written.String(), "not shared")
		})
	}
}

func TestStoredTokensAreSealedAndBound(t *testing.T) {
	w := newAppTokenEnv(t)
	first := tokenOf(t, w.replica())
	require.NotContains(t, w.store.written.String(), first)
	require.NotContains(t, w.store.written.String(), secret)
	const key, other = "wechat/app_token/" + appID, "wechat/app_token/" + otherApp
	for name, spoil := range map[string]func(){
		"broken":      func() { w.store.values[key][40] ^= 1 },
		"nonsense":    func() { w.store.values[key] = []byte("{}") },
		"another app": func() { w.store.values[key] = w.store.values[other] },
	} {
		_, err := w.replica().Token(context.Background(), wechat.Credentials{AppID: otherApp, Secret: secret + "-two"})
		require.NoError(t, err)
		before := w.fetches()
		w.store.change(spoil)
		require.Equal(t, first, tokenOf(t, w.replica()), name)
		require.Equal(t, before+1, w.fetches(), name)
	}
	elsewhere := newAppTokenEnv(t)
	elsewhere.store = w.store
	require.NotEqual(t, first, tokenOf(t, elsewhere.replica()), "a token is not sent to another host")
}

// TestACrashedReplicaDoesNotBlockOthers for long.
func TestACrashedReplicaDoesNotBlockOthers(t *testing.T) {
	w := newAppTokenEnv(t)
	_, err := w.store.PutIfAbsent(context.Background(), "wechat/app_token/asking/"+appID, []byte{1}, time.Minute)
	require.NoError(t, err)
	began := time.Now()
	tokenOf(t, w.replica(func(c *wechat.Config) { c.Timeout = shortTimeout }))
	require.Less(t, time.Since(began), 40*shortTimeout)
}

func TestErrorsOfTokenRequests(t *testing.T) {
	t.Parallel()
	local := netip.MustParseAddr("203.0.113.7")
	for name, c := range map[string]struct {
		spoil func(*appTokenEnv)
		class error
		retry time.Duration
	}{
		"wrong secret": {func(w *appTokenEnv) { w.App(wechattest.App{AppID: appID, Secret: "simulator-new"}) },
			wechat.ErrMisconfigured, 0},
		"not allowed here": {func(w *appTokenEnv) { require.NoError(w.t, w.AllowOnly(appID, local)) },
			wechat.ErrMisconfigured, 0},
		"40001":            {failing(wechattest.Fault{Errcode: 40001}), wechat.ErrMisconfigured, 0},
		"admin must agree": {failing(wechattest.Fault{Errcode: 89503}), wechat.ErrMisconfigured, 0},
		"frozen":           {failing(wechattest.Fault{Errcode: 50007}), wechat.ErrMisconfigured, 0},
		"quota":            {failing(wechattest.Fault{Errcode: 45009}), wechat.ErrThrottled, 10 * time.Minute},
		"too often":        {failing(wechattest.Fault{Errcode: 45011}), wechat.ErrThrottled, time.Minute},
		"busy":             {failing(wechattest.Fault{Errcode: -1}), wechat.ErrUnavailable, time.Second},
		"slow":             {failing(wechattest.Fault{DelayMS: 60_000}), wechat.ErrUnavailable, 0},
		"dropped":          {failing(wechattest.Fault{Drop: true}), wechat.ErrUnavailable, 0},
		"HTML":             {failing(wechattest.Fault{Body: "html"}), wechat.ErrUnavailable, 0},
		"no token":         {failing(wechattest.Fault{Text: `{"expires_in":7200}`}), wechat.ErrUnavailable, 0},
		"empty token": {failing(wechattest.Fault{Text: `{"access_token":"","expires_in":7200}`}),
			wechat.ErrUnavailable, 0},
		"a space in it": {failing(wechattest.Fault{Text: `{"access_token":"a b","expires_in":7200}`}),
			wechat.ErrUnavailable, 0},
		"no life": {failing(wechattest.Fault{Text: `{"access_token":"a"}`}), wechat.ErrUnavailable, 0},
		"negative life": {failing(wechattest.Fault{Text: `{"access_token":"a","expires_in":-1}`}),
			wechat.ErrUnavailable, 0},
		"a day's life": {failing(wechattest.Fault{Text: `{"access_token":"a","expires_in":86400}`}),
			wechat.ErrUnavailable, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newAppTokenEnv(t)
			tokens := w.replica(func(c *wechat.Config) { c.Timeout = shortTimeout })
			c.spoil(w)
			began := time.Now()
			_, err := tokens.Token(context.Background(), credentials())
			require.Equal(t, c.retry, requireClass(t, err, c.class).RetryAfter)
			require.Less(t, time.Since(began), 40*shortTimeout)
			require.Equal(t, 1, w.fetches())
			require.NotContains(t, w.store.values, "wechat/app_token/asking/"+appID, "the next replica need not wait")
		})
	}
}

// failing makes the next token request fail.
func failing(fault wechattest.Fault) func(*appTokenEnv) {
	fault.Path = tokenPath
	return func(w *appTokenEnv) { w.Fault(fault) }
}

// TestACallerWhoLeavesDoesNotAffectOthers that wait for the same token.
func TestACallerWhoLeavesDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	w := newAppTokenEnv(t)
	tokens := w.replica()
	w.Fault(wechattest.Fault{Path: tokenPath, DelayMS: 1000})
	ctx, leave := context.WithCancel(context.Background())
	left := make(chan error)
	go func() {
		_, err := tokens.Token(ctx, credentials())
		left <- err
	}()
	require.Eventually(t, func() bool { return w.fetches() == 1 }, 20*time.Second, time.Millisecond)
	leave()
	requireClass(t, <-left, wechat.ErrUnavailable)
	tokenOf(t, tokens)
	require.Equal(t, 1, w.fetches())
}
