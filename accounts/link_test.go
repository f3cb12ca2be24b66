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
	alice := w.passwordUser("alice")
	require.NoError(t, w.accounts.Link(context.Background(), alice, byPassword(), miniApp, w.code(miniApp, "o-alice")))
	require.Equal(t, miniApp+"/o-alice", w.linkedAccounts(alice))
	require.Len(t, w.events(identity.EventLinked, alice.UserID), 1)
	require.True(t, w.active(alice), "linking ends no session")

	proof := byCode(w.code(miniApp, "o-alice")) // now it is a proof
	require.NoError(t, w.accounts.Link(context.Background(), alice, proof, "", w.code(otherApp, "o-alice-2")))
	require.Equal(t, miniApp+"/o-alice "+otherApp+"/o-alice-2", w.linkedAccounts(alice))

	again := w.accounts.Link(context.Background(), alice, byPassword(), miniApp, w.code(miniApp, "o-alice"))
	require.NoError(t, again, "linking again changes nothing")
	require.Len(t, w.events(identity.EventLinked, alice.UserID), 2)
}

// TestAccountToLinkProvesNothing: a thief has Alice's access token and a WeChat account. If that account were accepted
// as proof, the thief could sign in as Alice from then on.
func TestAccountToLinkProvesNothing(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	code := w.code(otherApp, "o-thief")
	requireError(t, w.accounts.Link(context.Background(), alice, byCode(code), otherApp, code),
		oauth.InvalidRequest)
	require.True(t, w.unused(code))
	require.Zero(t, w.prover.asked)
	err := w.accounts.Link(context.Background(), alice, byCode(w.code(otherApp, "o-thief")), otherApp, code)
	requireError(t, err, oauth.InsufficientUserAuthentication)
	require.True(t, w.unused(code), "the proof is checked first")
	require.Equal(t, miniApp+"/o-alice", w.linkedAccounts(alice))
}

func TestInvalidCodeToLinkDoesNotUseUpTheProof(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	proof := byCode(w.code(miniApp, "o-alice"))
	for _, code := range []string{"", "two words", "line\nend", "漢字", strings.Repeat("a", 513)} {
		requireError(t, w.accounts.Link(context.Background(), alice, proof, otherApp, code),
			oauth.InvalidRequest)
	}
	require.True(t, w.unused(proof.Code))
}

func TestRejectedCodeToLink(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	err := w.accounts.Link(context.Background(), alice, byPassword(), otherApp, "used-before")
	requireError(t, err, oauth.InvalidGrant)
	require.ErrorIs(t, err, errBadCode)
	require.NotErrorIs(t, err, oauth.InsufficientUserAuthentication, "another proof would not help")
}

func TestCodeToLinkWhileThePlatformFails(t *testing.T) {
	w := newEnv(t, func(c *accounts.Config) { c.Prover = passwordProver{c.Prover} })
	alice := withBoth(w)
	err := w.accounts.Link(context.Background(), alice, byPassword(), otherApp, w.code(otherApp, "o-alice-2"))
	require.Equal(t, errWechatDown, err)
	require.Equal(t, miniApp+"/o-alice", w.linkedAccounts(alice))
}

var errWechatDown = errors.New("WeChat is down")

// passwordProver checks only passwords; WeChat is down.
type passwordProver struct{ accounts.Prover }

func (passwordProver) ProveCode(context.Context, identity.User, string, string, string, string) (
	identity.ExternalIdentity, error) {
	return identity.ExternalIdentity{}, errWechatDown
}

func TestLinkingATakenAccount(t *testing.T) {
	w := newEnv(t)
	ctx := context.Background()
	alice := withBoth(w)
	bob := w.wechatUser("o-bob")
	err := w.accounts.Link(ctx, alice, byPassword(), miniApp, w.code(miniApp, "o-bob"))
	requireError(t, err, oauth.AlreadyLinked)
	err = w.accounts.Link(ctx, alice, byPassword(), miniApp, w.code(miniApp, "o-second"))
	requireError(t, err, oauth.AlreadyLinked)
	union := identity.ExternalIdentity{AccountKey: wechatAccount(otherApp, "o-carol"), UnionID: "carol",
		OpenPlatform: openPlatform}
	_, _, err = w.database.Accounts().FindOrCreateUser(ctx, union)
	require.NoError(t, err)
	union.AccountKey = wechatAccount(otherApp, "o-carol-2")
	requireError(t, w.accounts.Link(ctx, bob, byCode(w.code(miniApp, "o-bob")), "", w.codeOf(union)),
		oauth.AlreadyLinked)
	require.Equal(t, miniApp+"/o-alice", w.linkedAccounts(alice))
	require.Equal(t, miniApp+"/o-bob", w.linkedAccounts(bob))
}

func TestTwoUsersLinkOneAccountAtOnce(t *testing.T) {
	w := newEnv(t)
	for round := range 10 {
		openID := "o-shared-" + string(rune('a'+round))
		var callers []accounts.Caller
		for _, suffix := range []string{"-1", "-2", "-3"} {
			callers = append(callers, w.wechatUser(openID+suffix))
		}
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
			requireError(t, errs[n], oauth.AlreadyLinked)
		}
	}
}

func TestUnlink(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	byWechat := w.signedIn(w.user(alice), wechatAccount(miniApp, "o-alice"))
	require.NoError(t, w.accounts.Unlink(context.Background(), alice, byPassword(), identity.PlatformWechat, miniApp))
	require.Empty(t, w.linkedAccounts(alice))
	require.False(t, w.active(byWechat), "the session that the account opened has ended")
	require.True(t, w.active(alice))
	require.Len(t, w.events(identity.EventUnlinked, alice.UserID), 1)
	err := w.accounts.Unlink(context.Background(), alice, byPassword(), identity.PlatformWechat, miniApp)
	requireError(t, err, oauth.UnknownAccount)
}

func TestUnlinkingAnUnknownAccountDoesNotUseUpTheProof(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	proof := byCode(w.code(miniApp, "o-alice"))
	for platform, app := range map[string]string{identity.PlatformWechat: otherApp, "": miniApp,
		identity.PlatformQQ: miniApp, "a\x00b": miniApp} {
		requireError(t, w.accounts.Unlink(context.Background(), alice, proof, platform, app),
			oauth.UnknownAccount)
	}
	require.True(t, w.unused(proof.Code))
}

func TestTheLastWayInStays(t *testing.T) {
	w := newEnv(t)
	ctx := context.Background()
	bob := w.wechatUser("o-bob")
	proof := func() accounts.Proof { return byCode(w.code(miniApp, "o-bob")) }
	requireError(t, w.accounts.Unlink(ctx, bob, proof(), identity.PlatformWechat, miniApp), oauth.LastWayIn)
	// A name without password is no way to sign in.
	require.NoError(t, w.database.Users().SetUsername(ctx, bob.UserID, "bob"))
	requireError(t, w.accounts.Unlink(ctx, bob, proof(), identity.PlatformWechat, miniApp), oauth.LastWayIn)
	require.Equal(t, miniApp+"/o-bob", w.linkedAccounts(bob))
	require.True(t, w.active(bob))
}

func TestLastTwoAccountsCannotBeUnlinkedInParallel(t *testing.T) {
	w := newEnv(t)
	ctx := context.Background()
	bob := w.wechatUser("o-bob")
	require.NoError(t, w.database.Accounts().Link(ctx, bob.UserID,
		identity.ExternalIdentity{AccountKey: wechatAccount(otherApp, "o-bob-2")}))
	errs := make([]error, 2)
	var group sync.WaitGroup
	for n, app := range []string{miniApp, otherApp} {
		proof := byCode(w.code(miniApp, "o-bob"))
		group.Go(func() { errs[n] = w.accounts.Unlink(ctx, bob, proof, identity.PlatformWechat, app) })
	}
	group.Wait()
	require.NotEmpty(t, w.linkedAccounts(bob))
	require.Error(t, errors.Join(errs...), "one of them must fail")
}
