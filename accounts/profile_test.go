package accounts_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

func today() string { return time.Now().UTC().Format(time.DateOnly) }

func TestProfile(t *testing.T) {
	w := newEnv(t)
	ctx := context.Background()
	alice := withBoth(w)
	require.NoError(t, w.database.Profiles().SetPhone(ctx, alice.UserID, identity.Phone{Number: "+8613800000000",
		SeenAt: time.Now(), Verified: true}))
	me, err := w.accounts.Profile(ctx, alice)
	require.NoError(t, err)
	require.Equal(t, accounts.Me{
		Subject: alice.UserID, Username: "alice", HasPassword: true,
		Phone:    &accounts.Phone{Number: "+8613800000000", Verified: true, Seen: today()},
		Accounts: []accounts.Linked{{Platform: identity.PlatformWechat, App: miniApp, Since: today()}},
		Created:  today(), LastSeen: today(),
	}, me)
	text, err := json.Marshal(me)
	require.NoError(t, err)
	require.NotContains(t, string(text), "o-alice")
	require.NotContains(t, string(text), cheapHash())
}

func TestNoNameIsDerivedFromAnOpenID(t *testing.T) {
	w := newEnv(t)
	me, err := w.accounts.Profile(context.Background(), w.wechatUser("o-bob"))
	require.NoError(t, err)
	text, err := json.Marshal(me)
	require.NoError(t, err)
	require.Empty(t, me.Username)
	require.NotContains(t, string(text), "bob")
}

func TestSetProfileReplacesAll(t *testing.T) {
	w := newEnv(t)
	ctx := context.Background()
	bob := w.wechatUser("o-bob")
	me, err := w.accounts.SetProfile(ctx, bob, identity.Profile{Name: "Bob", Nickname: "Bo\u0308b",
		Email: "bob@example.com", Locale: "zh_CN", Address: " 北京市海淀区 1 号 "})
	require.NoError(t, err)
	require.Equal(t, identity.Profile{Name: "Bob", Nickname: "Böb", Email: "bob@example.com", Locale: "zh-CN",
		Address: "北京市海淀区 1 号"}, me.Profile)
	require.False(t, me.EmailVerified)
	me, err = w.accounts.SetProfile(ctx, bob, identity.Profile{Gender: "male"})
	require.NoError(t, err)
	require.Equal(t, identity.Profile{Gender: "male"}, me.Profile)
}

func TestPlatformsDoNotOverwriteWhatWasChosen(t *testing.T) {
	w := newEnv(t)
	ctx := context.Background()
	bob := w.wechatUser("o-bob")
	_, err := w.accounts.SetProfile(ctx, bob, identity.Profile{}) // to be nobody is a choice, too
	require.NoError(t, err)
	kept, err := w.database.Profiles().Suggest(ctx, bob.UserID, identity.Profile{Nickname: "微信用户"})
	require.NoError(t, err)
	require.False(t, kept)
	me, err := w.accounts.Profile(ctx, bob)
	require.NoError(t, err)
	require.Empty(t, me.Profile)
}

func TestInvalidProfileChangesNothing(t *testing.T) {
	w := newEnv(t)
	ctx := context.Background()
	bob := w.wechatUser("o-bob")
	_, err := w.accounts.SetProfile(ctx, bob, identity.Profile{Name: "Bob"})
	require.NoError(t, err)
	for _, p := range []identity.Profile{
		{Picture: "javascript:alert(document.cookie)"}, {Nickname: "\u202egnp.exe"},
		{Name: strings.Repeat("a", 1<<20)}, {Email: "<script>@example.com"},
	} {
		_, err := w.accounts.SetProfile(ctx, bob, p)
		requireError(t, err, oauth.InvalidRequest)
	}
	me, err := w.accounts.Profile(ctx, bob)
	require.NoError(t, err)
	require.Equal(t, identity.Profile{Name: "Bob"}, me.Profile)
}

// TestProfileContainsOnlyWhatTheScopeAllows: other servers receive the token too, and must not learn phone numbers,
// email addresses and postal addresses.
func TestProfileContainsOnlyWhatTheScopeAllows(t *testing.T) {
	w := newEnv(t)
	ctx := context.Background()
	bob := w.wechatUser("o-bob")
	_, err := w.accounts.SetProfile(ctx, bob, identity.Profile{Name: "Bob", Email: "bob@example.com",
		Address: "1 Long Street"})
	require.NoError(t, err)
	require.NoError(t, w.database.Profiles().SetPhone(ctx, bob.UserID, identity.Phone{Number: "+8613812345678",
		SeenAt: time.Now()}))
	borrowed := bob
	borrowed.Scope = oauth.ScopeAccount
	me, err := w.accounts.Profile(ctx, borrowed)
	require.NoError(t, err)
	require.Nil(t, me.Phone)
	require.Equal(t, identity.Profile{Name: "Bob"}, me.Profile)
	for _, set := range []identity.Profile{{Email: "thief@example.com"}, {Address: "elsewhere"}} {
		_, err = w.accounts.SetProfile(ctx, borrowed, set)
		requireError(t, err, oauth.InvalidRequest)
	}
	me, err = w.accounts.SetProfile(ctx, borrowed, identity.Profile{Name: "Robert"})
	require.NoError(t, err)
	require.Equal(t, identity.Profile{Name: "Robert"}, me.Profile)
	me, err = w.accounts.Profile(ctx, bob)
	require.NoError(t, err)
	require.Equal(t, identity.Profile{Name: "Robert", Email: "bob@example.com", Address: "1 Long Street"}, me.Profile,
		"a caller without the scopes removes neither address")
	require.NotNil(t, me.Phone)
}
