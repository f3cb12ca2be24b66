package accounts_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

func TestLink(t *testing.T) {
	w := newEnv(t)
	alice := w.named("alice")
	require.NoError(t, w.accounts.Link(context.Background(), alice, byPassword(), miniApp, w.code(miniApp, "o-alice")))
	require.Equal(t, miniApp+"/o-alice", w.linked(alice))
	require.Len(t, w.events(identity.EventLinked, alice.UserID), 1)
	require.True(t, w.alive(alice), "linking ends nothing")

	proof := byCode(w.code(miniApp, "o-alice")) // and now it proves
	require.NoError(t, w.accounts.Link(context.Background(), alice, proof, "", w.code(otherApp, "o-alice-2")))
	require.Equal(t, miniApp+"/o-alice "+otherApp+"/o-alice-2", w.linked(alice))

	again := w.accounts.Link(context.Background(), alice, byPassword(), miniApp, w.code(miniApp, "o-alice"))
	require.NoError(t, again, "what is there stays")
	require.Len(t, w.events(identity.EventLinked, alice.UserID), 2)
}

// The thief has a token of Alice's, and a phone of her own: if her account could prove that it may be linked,
// she would be Alice from then on.
func TestTheAccountToBeLinkedProvesNothing(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	code := w.code(otherApp, "o-thief")
	requireRefused(t, w.accounts.Link(context.Background(), alice, byCode(code), otherApp, code),
		oauth.InvalidRequest)
	require.True(t, w.fresh(code))
	require.Zero(t, w.prover.asked)
	err := w.accounts.Link(context.Background(), alice, byCode(w.code(otherApp, "o-thief")), otherApp, code)
	requireRefused(t, err, oauth.InsufficientUserAuthentication)
	require.True(t, w.fresh(code), "the proof comes first")
	require.Equal(t, miniApp+"/o-alice", w.linked(alice))
}

func TestCodesThatCannotBeLinkedCostNoProof(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	proof := byCode(w.code(miniApp, "o-alice"))
	for _, code := range []string{"", "two words", "line\nend", "漢字", strings.Repeat("a", 513)} {
		requireRefused(t, w.accounts.Link(context.Background(), alice, proof, otherApp, code),
			oauth.InvalidRequest)
	}
	require.True(t, w.fresh(proof.Code))
}

func TestACodeToBeLinkedThatIsRefused(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	err := w.accounts.Link(context.Background(), alice, byPassword(), otherApp, "used-before")
	requireRefused(t, err, oauth.InvalidGrant)
	require.ErrorIs(t, err, errBadCode)
	require.NotErrorIs(t, err, oauth.InsufficientUserAuthentication, "proving once more would not help")
}

func TestACodeToBeLinkedThatNobodyCanJudge(t *testing.T) {
	w := newEnv(t, func(c *accounts.Config) { c.Prover = withoutWechat{c.Prover} })
	alice := withBoth(w)
	err := w.accounts.Link(context.Background(), alice, byPassword(), otherApp, w.code(otherApp, "o-alice-2"))
	require.Equal(t, errWechatDown, err)
	require.Equal(t, miniApp+"/o-alice", w.linked(alice))
}

var errWechatDown = errors.New("WeChat is down")

// withoutWechat judges passwords only.
type withoutWechat struct{ accounts.Prover }

func (withoutWechat) ProveCode(context.Context, string, string, string, string) (identity.ExternalIdentity, error) {
	return identity.ExternalIdentity{}, errWechatDown
}

func TestLinkingWhatIsTaken(t *testing.T) {
	w := newEnv(t)
	ctx := context.Background()
	alice := withBoth(w)
	bob := w.seen("o-bob")
	err := w.accounts.Link(ctx, alice, byPassword(), miniApp, w.code(miniApp, "o-bob"))
	requireRefused(t, err, oauth.AlreadyLinked)
	err = w.accounts.Link(ctx, alice, byPassword(), miniApp, w.code(miniApp, "o-second"))
	requireRefused(t, err, oauth.AlreadyLinked)
	union := identity.ExternalIdentity{AccountKey: wechatAccount(otherApp, "o-carol"), UnionID: "carol",
		OpenPlatform: openPlatform}
	_, _, err = w.database.Accounts().FindOrCreateUser(ctx, union)
	require.NoError(t, err)
	union.AccountKey = wechatAccount(otherApp, "o-carol-2")
	requireRefused(t, w.accounts.Link(ctx, bob, byCode(w.code(miniApp, "o-bob")), "", w.codeOf(union)),
		oauth.AlreadyLinked)
	require.Equal(t, miniApp+"/o-alice", w.linked(alice))
	require.Equal(t, miniApp+"/o-bob", w.linked(bob))
}

func TestTwoUsersLinkOneAccountAtOnce(t *testing.T) {
	w := newEnv(t)
	for round := range 10 {
		openID := "o-shared-" + string(rune('a'+round))
		callers := []accounts.Caller{w.seen(openID + "-1"), w.seen(openID + "-2"), w.seen(openID + "-3")}
		errs := make([]error, len(callers))
		var group sync.WaitGroup
		for n, caller := range callers {
			proof, code := byCode(w.code(miniApp, openID+"-"+string(rune('1'+n)))), w.code(otherApp, openID)
			group.Go(func() { errs[n] = w.accounts.Link(context.Background(), caller, proof, otherApp, code) })
		}
		group.Wait()
		account, err := w.database.Accounts().Find(context.Background(), wechatAccount(otherApp, openID))
		require.NoError(t, err)
		for n, caller := range callers {
			if caller.UserID == account.UserID {
				require.NoError(t, errs[n])
				continue
			}
			requireRefused(t, errs[n], oauth.AlreadyLinked)
		}
	}
}

func TestUnlink(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	byWechat := w.signedIn(w.user(alice), wechatAccount(miniApp, "o-alice"))
	require.NoError(t, w.accounts.Unlink(context.Background(), alice, byPassword(), identity.PlatformWechat, miniApp))
	require.Empty(t, w.linked(alice))
	require.False(t, w.alive(byWechat), "what the account opened is over")
	require.True(t, w.alive(alice))
	require.Len(t, w.events(identity.EventUnlinked, alice.UserID), 1)
	err := w.accounts.Unlink(context.Background(), alice, byPassword(), identity.PlatformWechat, miniApp)
	requireRefused(t, err, oauth.UnknownAccount)
}

func TestUnlinkingWhatIsNotLinkedCostsNoProof(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	proof := byCode(w.code(miniApp, "o-alice"))
	for platform, app := range map[string]string{identity.PlatformWechat: otherApp, "": miniApp,
		identity.PlatformQQ: miniApp, "a\x00b": miniApp} {
		requireRefused(t, w.accounts.Unlink(context.Background(), alice, proof, platform, app),
			oauth.UnknownAccount)
	}
	require.True(t, w.fresh(proof.Code))
}

func TestTheLastWayInStays(t *testing.T) {
	w := newEnv(t)
	ctx := context.Background()
	bob := w.seen("o-bob")
	proof := func() accounts.Proof { return byCode(w.code(miniApp, "o-bob")) }
	requireRefused(t, w.accounts.Unlink(ctx, bob, proof(), identity.PlatformWechat, miniApp), oauth.LastWayIn)
	require.NoError(t, w.database.Users().Name(ctx, bob.UserID, "bob")) // a name without password lets nobody in
	requireRefused(t, w.accounts.Unlink(ctx, bob, proof(), identity.PlatformWechat, miniApp), oauth.LastWayIn)
	require.Equal(t, miniApp+"/o-bob", w.linked(bob))
	require.True(t, w.alive(bob))
}

func TestTheLastTwoWaysInAreNotUnlinkedAtOnce(t *testing.T) {
	w := newEnv(t)
	ctx := context.Background()
	bob := w.seen("o-bob")
	require.NoError(t, w.database.Accounts().Link(ctx, bob.UserID,
		identity.ExternalIdentity{AccountKey: wechatAccount(otherApp, "o-bob-2")}))
	errs := make([]error, 2)
	var group sync.WaitGroup
	for n, app := range []string{miniApp, otherApp} {
		proof := byCode(w.code(miniApp, "o-bob"))
		group.Go(func() { errs[n] = w.accounts.Unlink(ctx, bob, proof, identity.PlatformWechat, app) })
	}
	group.Wait()
	require.NotEmpty(t, w.linked(bob))
	require.Error(t, errors.Join(errs...), "one of both must fail")
}
