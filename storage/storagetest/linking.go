package storagetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func linking() []trial {
	return slices.Concat([]trial{
		{"a user's accounts are listed in the order of their keys", accountsAreListed},
		{"a linked account signs its user in", accountIsLinked},
		{"a linked account brings its union along", unionIsLinked},
		{"what is linked already is left as it is", linkedTwice},
		{"what is another's is not linked", linkOfAnothers},
		{"a user has one account at an app", linkAtOneApp},
		{"nothing is linked to an unknown user, and nothing incomplete", linkOfNobody},
		{"nobody signs in as a user who was joined into another", nobodyIsJoined},
		{"nothing that was begun before a user was joined into another is done to who was retired", changesOfJoined},
		{"hostile texts name accounts of their own or are refused", hostileLinks},
	}, unlinking())
}

// link gives a user an account.
func (h house) link(t *testing.T, user identity.User, s identity.Sighting) {
	t.Helper()
	require.NoError(t, h.Accounts.Link(t.Context(), user.ID, s))
}

// requireAccounts says which accounts a user has.
func (h house) requireAccounts(t *testing.T, user identity.User, want ...identity.AccountKey) {
	t.Helper()
	listed, err := h.Accounts.List(t.Context(), user.ID)
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

func accountsAreListed(t *testing.T, h house) {
	user := h.newUser(t)
	h.requireAccounts(t, user)
	var keys []identity.AccountKey
	for _, app := range []string{"b", "Z", "a", "_", "a-b", "aB", "ä", "令", "9"} {
		s := in("op", newName(), sight(app, newName()))
		if app < "a" {
			s.Platform = identity.PlatformQQ
		}
		h.link(t, user, s)
		keys = append(keys, s.AccountKey)
	}
	h.requireNew(t, sight("c", newName()))
	h.requireAccounts(t, user, keys...)
	listed, err := h.Accounts.List(t.Context(), user.ID)
	require.NoError(t, err)
	for _, account := range listed {
		found, err := h.Accounts.Find(t.Context(), account.AccountKey)
		require.NoError(t, err)
		require.Equal(t, found, account)
	}
	for _, text := range append(texts(), identity.NewUserID()) {
		h.requireAccounts(t, identity.User{ID: text})
	}
}

func accountIsLinked(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	session := h.signIn(t, user, client)
	before, s := h.now(t), sight("wx1", newName())
	h.link(t, user, s)
	account, err := h.Accounts.Find(t.Context(), s.AccountKey)
	require.NoError(t, err)
	between(t, before, h.now(t), account.CreatedAt)
	h.requireSeen(t, inUTC(user), s)
	h.requireLive(t, user, session.ID)
	told := h.eventsOf(t, identity.EventLinked, user.ID)
	require.Len(t, told, 1)
	require.Equal(t, "wechat wx1", told[0].Detail)
}

func unionIsLinked(t *testing.T, h house) {
	user, union := h.newUser(t), newName()
	one, two, three := in("op", union, sight("wx1", newName())), in("op", union, sight("wx2", newName())),
		in("op", union, sight("wx3", newName()))
	h.link(t, user, one)
	h.requireSeen(t, inUTC(user), two)
	h.link(t, user, three)
	h.requireAccounts(t, user, one.AccountKey, two.AccountKey, three.AccountKey)
	h.requireConflicts(t, user, 0)
}

func linkedTwice(t *testing.T, h house) {
	s := in("op", newName(), sight("wx1", newName()))
	user := h.requireNew(t, s)
	for range 2 {
		h.link(t, user, s)
	}
	require.Empty(t, h.eventsOf(t, identity.EventLinked, user.ID))
	h.requireAccounts(t, user, s.AccountKey)
	require.Equal(t, user, h.user(t, user.ID))
}

func linkOfAnothers(t *testing.T, h house) {
	user, theirs := h.newUser(t), in("op", newName(), sight("wx1", newName()))
	other := h.requireNew(t, theirs)
	require.ErrorIs(t, h.Accounts.Link(t.Context(), user.ID, theirs), identity.ErrExists)
	require.ErrorIs(t, h.Accounts.Link(t.Context(), user.ID, sight("wx1", theirs.Subject)), identity.ErrExists)
	ofTheirUnion := in("op", theirs.UnionID, sight("wx2", newName()))
	require.ErrorIs(t, h.Accounts.Link(t.Context(), user.ID, ofTheirUnion), identity.ErrExists)
	h.requireAccounts(t, user)
	h.requireSeen(t, other, theirs)
	h.requireSeen(t, other, ofTheirUnion)
	require.Empty(t, h.eventsOf(t, identity.EventLinked, user.ID))
}

func linkAtOneApp(t *testing.T, h house) {
	first, second := sight("wx1", newName()), in("op", newName(), sight("wx1", newName()))
	user := h.requireNew(t, first)
	require.ErrorIs(t, h.Accounts.Link(t.Context(), user.ID, second), identity.ErrExists)
	h.requireAccounts(t, user, first.AccountKey)
	h.requireNew(t, in("op", second.UnionID, sight("wx2", newName()))) // what was refused took no union
	elsewhere := first
	elsewhere.Platform = identity.PlatformQQ
	h.link(t, user, elsewhere)
}

func linkOfNobody(t *testing.T, h house) {
	s := in("op", newName(), sight("wx1", newName()))
	for _, id := range append(texts(), "", identity.NewUserID()) {
		require.ErrorIs(t, h.Accounts.Link(t.Context(), id, s), identity.ErrNotFound, "%q", id)
	}
	user := h.newUser(t)
	for _, cut := range []func(s *identity.Sighting){
		func(s *identity.Sighting) { s.Platform = "" }, func(s *identity.Sighting) { s.App = "" },
		func(s *identity.Sighting) { s.Subject = "" },
	} {
		incomplete := s
		cut(&incomplete)
		require.Error(t, h.Accounts.Link(t.Context(), user.ID, incomplete))
	}
	h.requireAccounts(t, user)
	h.requireNew(t, s)
}

func hostileLinks(t *testing.T, h house) {
	innocent := in("op"+newName(), newName(), sight("wx1", newName()))
	owner := h.requireNew(t, innocent)
	for name, place := range map[string]func(s *identity.Sighting) *string{
		"subject":       func(s *identity.Sighting) *string { return &s.Subject },
		"app":           func(s *identity.Sighting) *string { return &s.App },
		"platform":      func(s *identity.Sighting) *string { return &s.Platform },
		"union id":      func(s *identity.Sighting) *string { return &s.UnionID },
		"open platform": func(s *identity.Sighting) *string { return &s.OpenPlatform },
	} {
		for _, text := range texts() {
			hostile, user := innocent, h.newUser(t)
			if strings.HasPrefix(name, "union") || strings.HasPrefix(name, "open") {
				hostile.Subject = newName()
			} else {
				hostile.UnionID = ""
			}
			*place(&hostile) += text
			if h.Accounts.Link(t.Context(), user.ID, hostile) != nil {
				h.requireAccounts(t, user)
				continue
			}
			h.requireAccounts(t, user, hostile.AccountKey)
			h.requireSeen(t, inUTC(user), hostile)
			taken, err := h.Accounts.Unlink(t.Context(), user.ID, hostile.AccountKey)
			require.NoError(t, err, "%s %q", name, text)
			require.Equal(t, []identity.AccountKey{hostile.AccountKey}, taken)
		}
	}
	h.requireSeen(t, owner, innocent)
	h.requireAccounts(t, owner, innocent.AccountKey)
	h.requireSeen(t, owner, in(innocent.OpenPlatform, innocent.UnionID, sight("wx2", newName())))
}
