package storagetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func linking() []testCase {
	return slices.Concat([]testCase{
		{"a user's accounts are listed in the order of their keys", accountsAreListed},
		{"a linked account signs its user in", accountIsLinked},
		{"a linked account brings its union along", unionIsLinked},
		{"what is linked already is left as it is", linkedTwice},
		{"what is another's is not linked", linkOfAnothers},
		{"a user has one account at an app", linkAtOneApp},
		{"nothing is linked to an unknown user, and nothing incomplete", linkOfNobody},
		{"nobody signs in as a user who was merged into another", nobodyIsJoined},
		{"nothing that was begun before a user was merged into another is done to who was retired", changesOfJoined},
		{"hostile texts name accounts of their own or are refused", hostileLinks},
	}, unlinking())
}

// link gives a user an account.
func (f fixture) link(t *testing.T, user identity.User, s identity.ExternalIdentity) {
	t.Helper()
	require.NoError(t, f.Accounts.Link(t.Context(), user.ID, s))
}

// requireAccounts says which accounts a user has.
func (f fixture) requireAccounts(t *testing.T, user identity.User, want ...identity.AccountKey) {
	t.Helper()
	listed, err := f.Accounts.List(t.Context(), user.ID)
	require.NoError(t, err)
	keys := []identity.AccountKey{}
	for _, account := range listed {
		require.Equal(t, user.ID, account.UserID)
		keys = append(keys, account.AccountKey)
	}
	slices.SortFunc(want, compareKeys)
	require.Equal(t, append([]identity.AccountKey{}, want...), keys)
}

// compareKeys orders by bytes.
func compareKeys(a, b identity.AccountKey) int {
	return slices.Compare([]string{a.Platform, a.App, a.Subject}, []string{b.Platform, b.App, b.Subject})
}

func accountsAreListed(t *testing.T, f fixture) {
	user := f.newUser(t)
	f.requireAccounts(t, user)
	var keys []identity.AccountKey
	for _, app := range []string{"b", "Z", "a", "_", "a-b", "aB", "ä", "令", "9"} {
		s := in("op", newName(), sight(app, newName()))
		if app < "a" {
			s.Platform = identity.PlatformQQ
		}
		f.link(t, user, s)
		keys = append(keys, s.AccountKey)
	}
	f.requireNew(t, sight("c", newName()))
	f.requireAccounts(t, user, keys...)
	listed, err := f.Accounts.List(t.Context(), user.ID)
	require.NoError(t, err)
	for _, account := range listed {
		found, err := f.Accounts.Find(t.Context(), account.AccountKey)
		require.NoError(t, err)
		require.Equal(t, found, account)
	}
	for _, text := range append(texts(), identity.NewUserID()) {
		f.requireAccounts(t, identity.User{ID: text})
	}
}

func accountIsLinked(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	session := f.signIn(t, user, client)
	before, s := f.now(t), sight("wx1", newName())
	f.link(t, user, s)
	account, err := f.Accounts.Find(t.Context(), s.AccountKey)
	require.NoError(t, err)
	between(t, before, f.now(t), account.CreatedAt)
	f.requireSeen(t, inUTC(user), s)
	f.requireLive(t, user, session.ID)
	told := f.eventsOf(t, identity.EventLinked, user.ID)
	require.Len(t, told, 1)
	require.Equal(t, "wechat wx1", told[0].Detail)
}

func unionIsLinked(t *testing.T, f fixture) {
	user, union := f.newUser(t), newName()
	one, two, three := in("op", union, sight("wx1", newName())), in("op", union, sight("wx2", newName())),
		in("op", union, sight("wx3", newName()))
	f.link(t, user, one)
	f.requireSeen(t, inUTC(user), two)
	f.link(t, user, three)
	f.requireAccounts(t, user, one.AccountKey, two.AccountKey, three.AccountKey)
	requireConflicts(t, f, user, 0)
}

func linkedTwice(t *testing.T, f fixture) {
	s := in("op", newName(), sight("wx1", newName()))
	user := f.requireNew(t, s)
	for range 2 {
		f.link(t, user, s)
	}
	require.Empty(t, f.eventsOf(t, identity.EventLinked, user.ID))
	f.requireAccounts(t, user, s.AccountKey)
	require.Equal(t, user, f.user(t, user.ID))
}

func linkOfAnothers(t *testing.T, f fixture) {
	user, theirs := f.newUser(t), in("op", newName(), sight("wx1", newName()))
	other := f.requireNew(t, theirs)
	require.ErrorIs(t, f.Accounts.Link(t.Context(), user.ID, theirs), identity.ErrExists)
	require.ErrorIs(t, f.Accounts.Link(t.Context(), user.ID, sight("wx1", theirs.Subject)), identity.ErrExists)
	ofTheirUnion := in("op", theirs.UnionID, sight("wx2", newName()))
	require.ErrorIs(t, f.Accounts.Link(t.Context(), user.ID, ofTheirUnion), identity.ErrExists)
	f.requireAccounts(t, user)
	f.requireSeen(t, other, theirs)
	f.requireSeen(t, other, ofTheirUnion)
	require.Empty(t, f.eventsOf(t, identity.EventLinked, user.ID))
}

func linkAtOneApp(t *testing.T, f fixture) {
	first, second := sight("wx1", newName()), in("op", newName(), sight("wx1", newName()))
	user := f.requireNew(t, first)
	require.ErrorIs(t, f.Accounts.Link(t.Context(), user.ID, second), identity.ErrExists)
	f.requireAccounts(t, user, first.AccountKey)
	f.requireNew(t, in("op", second.UnionID, sight("wx2", newName()))) // what was refused took no union
	elsewhere := first
	elsewhere.Platform = identity.PlatformQQ
	f.link(t, user, elsewhere)
}

func linkOfNobody(t *testing.T, f fixture) {
	s := in("op", newName(), sight("wx1", newName()))
	for _, id := range append(texts(), "", identity.NewUserID()) {
		require.ErrorIs(t, f.Accounts.Link(t.Context(), id, s), identity.ErrNotFound, "%q", id)
	}
	user := f.newUser(t)
	for _, cut := range []func(s *identity.ExternalIdentity){
		func(s *identity.ExternalIdentity) { s.Platform = "" }, func(s *identity.ExternalIdentity) { s.App = "" },
		func(s *identity.ExternalIdentity) { s.Subject = "" },
	} {
		incomplete := s
		cut(&incomplete)
		require.Error(t, f.Accounts.Link(t.Context(), user.ID, incomplete))
	}
	f.requireAccounts(t, user)
	f.requireNew(t, s)
}

func hostileLinks(t *testing.T, f fixture) {
	innocent := in("op"+newName(), newName(), sight("wx1", newName()))
	owner := f.requireNew(t, innocent)
	for name, place := range map[string]func(s *identity.ExternalIdentity) *string{
		"subject":       func(s *identity.ExternalIdentity) *string { return &s.Subject },
		"app":           func(s *identity.ExternalIdentity) *string { return &s.App },
		"platform":      func(s *identity.ExternalIdentity) *string { return &s.Platform },
		"union id":      func(s *identity.ExternalIdentity) *string { return &s.UnionID },
		"open platform": func(s *identity.ExternalIdentity) *string { return &s.OpenPlatform },
	} {
		for _, text := range texts() {
			hostile, user := innocent, f.newUser(t)
			if strings.HasPrefix(name, "union") || strings.HasPrefix(name, "open") {
				hostile.Subject = newName()
			} else {
				hostile.UnionID = ""
			}
			*place(&hostile) += text
			if f.Accounts.Link(t.Context(), user.ID, hostile) != nil {
				f.requireAccounts(t, user)
				continue
			}
			f.requireAccounts(t, user, hostile.AccountKey)
			f.requireSeen(t, inUTC(user), hostile)
			taken, err := f.Accounts.Unlink(t.Context(), user.ID, hostile.AccountKey)
			require.NoError(t, err, "%s %q", name, text)
			require.Equal(t, []identity.AccountKey{hostile.AccountKey}, taken)
		}
	}
	f.requireSeen(t, owner, innocent)
	f.requireAccounts(t, owner, innocent.AccountKey)
	f.requireSeen(t, owner, in(innocent.OpenPlatform, innocent.UnionID, sight("wx2", newName())))
}

func nobodyIsJoined(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	f.join(t, user, f.newUser(t))
	joined := f.user(t, user.ID)
	require.ErrorIs(t, tryOpen(t, f, joined, client, 0), identity.ErrStale)
	did, err := f.Users.ReplacePasswordHash(t.Context(), user.ID, user.PasswordHash, "another hash")
	require.NoError(t, err)
	require.False(t, did)
	require.Equal(t, joined, f.user(t, user.ID))
}

// changesOfJoined: who calls has looked for the user before an operator joined it. A retired user who leaves
// would take what his person has as the survivor along; a password, a name or an account that he is given
// would be there when the merge is undone.
func changesOfJoined(t *testing.T, f fixture) {
	ctx, user, survivor := t.Context(), f.requireNew(t, sight("wx1", newName())), f.newUser(t)
	join := f.join(t, user, survivor)
	joined := f.user(t, user.ID)
	for name, change := range map[string]func() error{
		"Link": func() error { return f.Accounts.Link(ctx, user.ID, sight("wx2", newName())) },
		"Unlink": func() error {
			_, err := f.Accounts.Unlink(ctx, user.ID,
				join.Moved.Accounts[0])
			return err
		},
		"Name":             func() error { return f.Users.Name(ctx, user.ID, newName()) },
		"SetPassword":      func() error { return f.Users.SetPassword(ctx, user.ID, "hash") },
		"RequestDeletion":  func() error { _, err := f.Deletions.RequestDeletion(ctx, user.ID, 0); return err },
		"ScheduleDeletion": func() error { _, err := f.Deletions.ScheduleDeletion(ctx, user.ID, 0); return err },
		"CancelDeletion":   func() error { return f.Deletions.CancelDeletion(ctx, user.ID) },
		"Choose":           func() error { return f.Profiles.Choose(ctx, user.ID, fullProfile()) },
		"Suggest":          func() error { _, err := f.Profiles.Suggest(ctx, user.ID, fullProfile()); return err },
		"SetPhone": func() error {
			return f.Profiles.SetPhone(ctx, user.ID,
				identity.Phone{Number: "+8613800000000"})
		},
	} {
		require.ErrorIs(t, change(), identity.ErrNotFound, name)
		require.Equal(t, joined, f.user(t, user.ID), name)
	}
	f.deleteLeft(t)
	f.requireAccounts(t, user)
	require.Zero(t, f.details(t, user.ID))
	require.Equal(t, join.Moved, f.undo(t, join).Moved)
}
