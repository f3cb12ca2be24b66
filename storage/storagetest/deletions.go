package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func deleting() []testCase {
	return []testCase{
		{"who left is deleted when his time has come, and not before", timeComes},
		{"with a user goes all that is his, and nothing else", allGoes},
		{"the id of a deleted user is nobody's ever", idIsNobodys},
		{"the accounts and the name of a deleted user make others", accountsMakeOthers},
		{"with a user go those who were merged into it, and into those", joinedGo},
		{"who was merged into a user and is another one again stays", unjoinedStays},
		{"who left and was disabled stays until enabled, so that no new user comes of the same accounts",
			disabledStays},
		{"whom an operator deletes goes, disabled or not, at the earlier instant, and may be kept", dismissedGoes},
		{"the first to leave are deleted first, and no more than asked for", oldestFirst},
		{"of parallel deletions each user is counted and told of once", parallelDeletions},
	}
}

// deleteLeft deletes whose time has come.
func (f fixture) deleteLeft(t *testing.T) (deleted int) {
	t.Helper()
	for {
		n, err := f.Deletions.PurgeDeleted(t.Context(), 10)
		require.NoError(t, err)
		if n == 0 {
			return deleted
		}
		deleted += n
	}
}

func requireGone(t *testing.T, f fixture, user identity.User) {
	t.Helper()
	_, err := f.Users.Find(t.Context(), user.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.Len(t, f.eventsOf(t, identity.EventUserDeleted, user.ID), 1)
}

func timeComes(t *testing.T, f fixture) {
	f.advance(2 * grace)
	f.deleteLeft(t) // whom other test cases left
	user, sooner, stays := f.newUser(t), f.newUser(t), f.newUser(t)
	f.leave(t, sooner, grace/2)
	at := f.leave(t, user, grace)
	require.Zero(t, f.deleteLeft(t))
	f.advance(grace / 2)
	require.Equal(t, 1, f.deleteLeft(t))
	requireGone(t, f, sooner)
	f.advance(at.Sub(f.now(t)) - time.Minute)
	require.Zero(t, f.deleteLeft(t))
	require.True(t, f.user(t, user.ID).DeletionRequested())
	f.advance(time.Minute)
	require.Equal(t, 1, f.deleteLeft(t))
	requireGone(t, f, user)
	require.Equal(t, inUTC(stays), f.user(t, stays.ID))
	require.ErrorIs(t, f.Deletions.CancelDeletion(t.Context(), user.ID), identity.ErrNotFound)
	_, err := f.Deletions.RequestDeletion(t.Context(), user.ID, grace)
	require.ErrorIs(t, err, identity.ErrNotFound)
}

// settle gives a user everything that one can have.
func settle(t *testing.T, f fixture, client identity.Client) (identity.User, identity.ExternalIdentity,
	[]identity.Session) {
	t.Helper()
	user, seen := f.newUser(t), in("op", newName(), sight("wx1", newName()))
	f.link(t, user, seen)
	f.link(t, user, sight("wx2", newName()))
	require.NoError(t, f.Profiles.Choose(t.Context(), user.ID, fullProfile()))
	require.NoError(t, f.Profiles.SetPhone(t.Context(), user.ID, identity.Phone{Number: "+8613800000000"}))
	require.NoError(t, f.Entitlements.GrantRole(t.Context(), user.ID, "role"))
	ended, live := f.signIn(t, user, client), f.signIn(t, user, client)
	_, err := f.Sessions.End(t.Context(), ended.ID, identity.EndedByClient)
	require.NoError(t, err)
	return user, seen, []identity.Session{f.session(t, ended.ID), live}
}

func allGoes(t *testing.T, f fixture) {
	client := f.newClient(t)
	user, seen, sessions := settle(t, f, client)
	other, theirs, kept := settle(t, f, client)
	accounts, err := f.Accounts.List(t.Context(), other.ID)
	require.NoError(t, err)
	stays, known := f.user(t, other.ID), f.details(t, other.ID)
	f.leave(t, user, 0)
	again := f.signIn(t, f.user(t, user.ID), client)
	linked := len(f.eventsOf(t, identity.EventLinked, user.ID))
	require.Equal(t, 1, f.deleteLeft(t))

	requireGone(t, f, user)
	_, err = f.Users.FindByUsername(t.Context(), user.Username)
	require.ErrorIs(t, err, identity.ErrNotFound)
	_, err = f.Accounts.Find(t.Context(), seen.AccountKey)
	require.ErrorIs(t, err, identity.ErrNotFound)
	f.requireAccounts(t, user)
	require.Zero(t, f.details(t, user.ID))
	for _, session := range append(sessions, again) {
		_, _, err := f.Sessions.Find(t.Context(), session.ID)
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
	require.Len(t, f.eventsOf(t, identity.EventLinked, user.ID), linked, "events stay")

	require.Equal(t, stays, f.user(t, other.ID))
	require.Equal(t, known, f.details(t, other.ID))
	for _, session := range kept {
		require.Equal(t, session, f.session(t, session.ID))
	}
	left, err := f.Accounts.List(t.Context(), other.ID)
	require.NoError(t, err)
	require.Equal(t, accounts, left)
	f.requireSeen(t, stays, in("op", theirs.UnionID, sight("wx3", newName())))
}

func idIsNobodys(t *testing.T, f fixture) {
	user := f.newUser(t)
	require.ErrorIs(t, f.Clients.Create(t.Context(), identity.Client{ID: user.ID}), identity.ErrExists)
	f.leave(t, user, 0)
	require.Equal(t, 1, f.deleteLeft(t))
	requireGone(t, f, user)
	require.ErrorIs(t, f.Clients.Create(t.Context(), identity.Client{ID: user.ID}), identity.ErrExists)
	never := f.Clients.Create(t.Context(), identity.Client{ID: identity.NewUserID()})
	require.Error(t, never)
	require.NotErrorIs(t, never, identity.ErrExists, "what is refused is that id, not its kind")
}

func accountsMakeOthers(t *testing.T, f fixture) {
	user, seen, _ := settle(t, f, f.newClient(t))
	f.leave(t, user, 0)
	require.Equal(t, 1, f.deleteLeft(t))
	other := f.requireNew(t, in("op", seen.UnionID, sight("wx4", newName())))
	require.NotEqual(t, user.ID, other.ID)
	f.requireSeen(t, other, seen)
	require.NoError(t, f.Users.Name(t.Context(), other.ID, user.Username))
	require.Zero(t, f.details(t, other.ID))
	require.Empty(t, other.Roles)
}

func oldestFirst(t *testing.T, f fixture) {
	f.deleteLeft(t)
	users := make([]identity.User, 5)
	for n := range users {
		users[n] = f.newUser(t)
	}
	for _, n := range []int{3, 0, 4, 2, 1} {
		f.leave(t, users[n], time.Duration(n)*time.Minute)
	}
	f.advance(time.Hour)
	for n := 0; n < len(users); n += 2 {
		deleted, err := f.Deletions.PurgeDeleted(t.Context(), 2)
		require.NoError(t, err)
		require.Equal(t, min(2, len(users)-n), deleted)
		for m, user := range users {
			_, err := f.Users.Find(t.Context(), user.ID)
			require.Equal(t, m >= n+2, err == nil, "%d after %d", m, n)
		}
	}
}

func parallelDeletions(t *testing.T, f fixture) {
	f.deleteLeft(t)
	users := make([]identity.User, crowd)
	for n := range users {
		users[n] = f.newUser(t)
		f.leave(t, users[n], 0)
	}
	total := 0
	for _, answer := range together(8, func(n int) (answer struct {
		deleted int
		err     error
	}) {
		answer.deleted, answer.err = f.at(n).Deletions.PurgeDeleted(t.Context(), crowd)
		return answer
	}) {
		require.NoError(t, answer.err)
		total += answer.deleted
	}
	require.Equal(t, crowd, total)
	for _, user := range users {
		requireGone(t, f, user)
	}
}

func dismiss(t *testing.T, f fixture, user identity.User, grace time.Duration) time.Time {
	t.Helper()
	at, err := f.Deletions.ScheduleDeletion(t.Context(), user.ID, grace)
	require.NoError(t, err)
	return at.UTC()
}

// disabledStays is about who asks to be deleted before an operator shuts him out, and signs in as somebody
// new afterwards.
func disabledStays(t *testing.T, f fixture) {
	f.deleteLeft(t)
	s := sight("wx1", newName())
	user := f.requireNew(t, s)
	f.leave(t, user, grace)
	require.NoError(t, f.Users.Disable(t.Context(), user.ID))
	f.advance(2 * grace)
	require.Zero(t, f.deleteLeft(t))
	f.requireSeen(t, f.user(t, user.ID), s)
	require.True(t, f.user(t, user.ID).Disabled())

	late := f.newUser(t) // who was shut out while his request was under way
	require.NoError(t, f.Users.Disable(t.Context(), late.ID))
	f.leave(t, late, 0)
	behind := f.newUser(t)
	f.leave(t, behind, 0)
	deleted, err := f.Deletions.PurgeDeleted(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 1, deleted, "who stays keeps nobody else from going")
	requireGone(t, f, behind)
	require.True(t, f.user(t, late.ID).DeletionRequested())

	require.NoError(t, f.Users.Enable(t.Context(), user.ID))
	require.Equal(t, 1, f.deleteLeft(t), "as he asked")
	requireGone(t, f, user)
	require.NoError(t, f.Deletions.CancelDeletion(t.Context(), late.ID))
}

func dismissedGoes(t *testing.T, f fixture) {
	f.deleteLeft(t)
	client, disabled, enabled, left, kept := f.newClient(t), f.newUser(t), f.newUser(t), f.newUser(t), f.newUser(t)
	session := f.signIn(t, enabled, client)
	require.NoError(t, f.Users.Disable(t.Context(), disabled.ID))
	before := f.now(t)
	at := dismiss(t, f, disabled, grace)
	between(t, before.Add(grace), f.now(t).Add(grace), at)
	require.Equal(t, at, dismiss(t, f, disabled, 2*grace), "later than it is")
	require.True(t, f.user(t, disabled.ID).Disabled())
	dismiss(t, f, enabled, grace/2)
	require.Equal(t, identity.EndedByDeletion, f.session(t, session.ID).EndReason)
	require.Equal(t, "by an operator", f.eventsOf(t, identity.EventDeletionRequested, enabled.ID)[0].Detail)
	require.NoError(t, f.Users.Disable(t.Context(), enabled.ID), "which does not keep him")
	asked := f.leave(t, left, grace)
	require.NoError(t, f.Users.Disable(t.Context(), left.ID))
	require.True(t, dismiss(t, f, left, 0).Before(asked))
	dismiss(t, f, kept, 0)
	require.NoError(t, f.Users.Disable(t.Context(), kept.ID))
	require.NoError(t, f.Deletions.CancelDeletion(t.Context(), kept.ID))
	f.leave(t, kept, 0)

	require.Equal(t, 1, f.deleteLeft(t))
	requireGone(t, f, left)
	f.advance(grace / 2)
	require.Equal(t, 1, f.deleteLeft(t))
	requireGone(t, f, enabled)
	f.advance(grace)
	require.Equal(t, 1, f.deleteLeft(t))
	requireGone(t, f, disabled)
	require.True(t, f.user(t, kept.ID).DeletionRequested(), "that an operator once meant it is over")
	require.NoError(t, f.Deletions.CancelDeletion(t.Context(), kept.ID))
	for _, id := range append(texts(), "", identity.NewUserID()) {
		_, err := f.Deletions.ScheduleDeletion(t.Context(), id, 0)
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", id)
	}
}

func joinedGo(t *testing.T, f fixture) {
	first, second, third, bystander := f.newUser(t), f.newUser(t), f.newUser(t), f.newUser(t)
	aside := f.newUser(t)
	f.join(t, aside, bystander)
	require.NoError(t, f.Profiles.Choose(t.Context(), first.ID, fullProfile()))
	f.join(t, first, second)
	f.join(t, second, third)
	f.leave(t, third, 0)
	require.Equal(t, 1, f.deleteLeft(t), "who left is counted")
	for _, gone := range []identity.User{first, second, third} {
		requireGone(t, f, gone)
		require.Zero(t, f.details(t, gone.ID))
		require.ErrorIs(t, f.Clients.Create(t.Context(), identity.Client{ID: gone.ID}), identity.ErrExists)
	}
	require.Equal(t, bystander.ID, f.user(t, aside.ID).MergedInto)
	left, err := f.Merges.List(t.Context(), 1000)
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, aside.ID, left[0].Retired)
}

func unjoinedStays(t *testing.T, f fixture) {
	retired, survivor := f.newUser(t), f.newUser(t)
	_, err := f.Merges.Undo(t.Context(), f.join(t, retired, survivor).ID)
	require.NoError(t, err)
	f.leave(t, survivor, 0)
	require.Equal(t, 1, f.deleteLeft(t))
	requireGone(t, f, survivor)
	require.Empty(t, f.user(t, retired.ID).MergedInto)

	other := f.newUser(t)
	_, err = f.Merges.Undo(t.Context(), f.join(t, retired, other).ID)
	require.NoError(t, err)
	f.leave(t, retired, 0)
	require.Equal(t, 1, f.deleteLeft(t))
	requireGone(t, f, retired)
	require.False(t, f.user(t, other.ID).Disabled())
}
