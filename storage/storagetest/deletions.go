package storagetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func deletionRequests() []testCase {
	return slices.Concat([]testCase{
		{"a request returns the time of the deletion and ends all sessions", deletionIsRequested},
		{"a second request returns the same time and changes nothing", deletionIsRequestedTwice},
		{"a canceled deletion does not happen", deletionIsCanceled},
		{"an unknown user can neither request nor cancel", deletionOfUnknownUser},
	}, purges())
}

// grace is how long a user may cancel.
const grace = 15 * 24 * time.Hour

func (f fixture) requestDeletion(t *testing.T, user identity.User, grace time.Duration) time.Time {
	t.Helper()
	at, err := f.Deletions.RequestDeletion(t.Context(), user.ID, grace)
	require.NoError(t, err)
	return at.UTC()
}

func deletionIsRequested(t *testing.T, f fixture) {
	external, client, other := newIdentity("wx1"), f.newClient(t), f.newUser(t)
	user := f.requireNewUser(t, external)
	require.NoError(t, f.Users.SetUsername(t.Context(), user.ID, newName()))
	user = f.user(t, user.ID)
	require.False(t, user.DeletionRequested())
	session, bystander := f.signIn(t, user, client), f.signIn(t, other, client)
	before := f.now(t)
	at := f.requestDeletion(t, user, grace)
	between(t, before.Add(grace), f.now(t).Add(grace), at)
	require.Equal(t, identity.EndedByDeletion, f.session(t, session.ID).EndReason)
	f.requireLive(t, user)
	f.requireLive(t, other, bystander.ID)
	require.ErrorIs(t, tryOpen(t, f, user, client, 0), identity.ErrStale)
	require.Len(t, f.eventsOf(t, identity.EventDeletionRequested, user.ID), 1)

	pending := f.user(t, user.ID)
	require.True(t, pending.DeletionRequested())
	require.False(t, pending.Disabled(), "the user may sign in to cancel")
	require.Greater(t, pending.AuthEpoch, user.AuthEpoch)
	want := user
	want.AuthEpoch, want.DeletesAt = pending.AuthEpoch, at
	require.Equal(t, want, pending)
	f.requireUser(t, pending, external)
	found, err := f.Users.FindByUsername(t.Context(), user.Username)
	require.NoError(t, err)
	require.Equal(t, pending, inUTC(found))
}

func deletionIsRequestedTwice(t *testing.T, f fixture) {
	user := f.newUser(t)
	at := f.requestDeletion(t, user, grace)
	pending := f.user(t, user.ID)
	session := f.signIn(t, pending, f.newClient(t))
	f.advance(time.Hour)
	require.Equal(t, at, f.requestDeletion(t, user, 2*grace))
	require.Equal(t, pending, f.user(t, user.ID))
	f.requireLive(t, user, session.ID)
	require.Len(t, f.eventsOf(t, identity.EventDeletionRequested, user.ID), 1)
}

func deletionIsCanceled(t *testing.T, f fixture) {
	user := f.newUser(t)
	require.NoError(t, f.Deletions.CancelDeletion(t.Context(), user.ID), "nothing was requested")
	require.Equal(t, inUTC(user), f.user(t, user.ID))
	require.Empty(t, f.eventsOf(t, identity.EventDeletionCancelled, user.ID))
	f.requestDeletion(t, user, grace)
	session := f.signIn(t, f.user(t, user.ID), f.newClient(t))
	for range 2 {
		require.NoError(t, f.Deletions.CancelDeletion(t.Context(), user.ID))
		require.False(t, f.user(t, user.ID).DeletionRequested())
		require.Len(t, f.eventsOf(t, identity.EventDeletionCancelled, user.ID), 1)
	}
	f.requireLive(t, user, session.ID)
	f.advance(2 * grace)
	f.purge(t)
	require.False(t, f.user(t, user.ID).DeletionRequested())
	before := f.now(t)
	at := f.requestDeletion(t, user, grace)
	between(t, before.Add(grace), f.now(t).Add(grace), at) // counted from the new request
}

func deletionOfUnknownUser(t *testing.T, f fixture) {
	bystander := f.newUser(t)
	for _, id := range append(texts(), "", identity.NewUserID(), bystander.ID+"x") {
		at, err := f.Deletions.RequestDeletion(t.Context(), id, grace)
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", id)
		require.Zero(t, at)
		require.ErrorIs(t, f.Deletions.CancelDeletion(t.Context(), id), identity.ErrNotFound, "%q", id)
	}
	require.Equal(t, inUTC(bystander), f.user(t, bystander.ID))
}

func purges() []testCase {
	return []testCase{
		{"a user is deleted when the grace period is over, and not before", deletedWhenDue},
		{"all data of a user is deleted, and nothing else", deletionIsComplete},
		{"the id of a deleted user is never reused", idIsNeverReused},
		{"the accounts and the name of a deleted user can create other users", accountsCreateOtherUsers},
		{"deleting a user also deletes all users who were merged into it, directly or not", mergedUsersAreDeleted},
		{"a user whose merge was undone is kept", unmergedUserIsKept},
		{"a disabled user is kept until enabled, so that the accounts do not create a new user",
			disabledUserIsKept},
		{"an operator deletes enabled and disabled users at the earlier time, and can cancel", operatorDeletes},
		{"the oldest requests are served first, and no more than asked for", oldestFirst},
		{"parallel deletions count and record each user once", parallelDeletions},
	}
}

// purge deletes all users whose deletion is due.
func (f fixture) purge(t *testing.T) (deleted int) {
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

func requireDeleted(t *testing.T, f fixture, user identity.User) {
	t.Helper()
	_, err := f.Users.Find(t.Context(), user.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.Len(t, f.eventsOf(t, identity.EventUserDeleted, user.ID), 1)
}

func deletedWhenDue(t *testing.T, f fixture) {
	f.advance(2 * grace)
	f.purge(t) // users of other test cases
	user, sooner, stays := f.newUser(t), f.newUser(t), f.newUser(t)
	f.requestDeletion(t, sooner, grace/2)
	at := f.requestDeletion(t, user, grace)
	require.Zero(t, f.purge(t))
	f.advance(grace / 2)
	require.Equal(t, 1, f.purge(t))
	requireDeleted(t, f, sooner)
	f.advance(at.Sub(f.now(t)) - time.Minute)
	require.Zero(t, f.purge(t))
	require.True(t, f.user(t, user.ID).DeletionRequested())
	f.advance(time.Minute)
	require.Equal(t, 1, f.purge(t))
	requireDeleted(t, f, user)
	require.Equal(t, inUTC(stays), f.user(t, stays.ID))
	require.ErrorIs(t, f.Deletions.CancelDeletion(t.Context(), user.ID), identity.ErrNotFound)
	_, err := f.Deletions.RequestDeletion(t.Context(), user.ID, grace)
	require.ErrorIs(t, err, identity.ErrNotFound)
}

// newFullUser returns a user who has everything that a user can have.
func newFullUser(t *testing.T, f fixture, client identity.Client) (identity.User, identity.ExternalIdentity,
	[]identity.Session) {
	t.Helper()
	user, external := f.newUser(t), inUnion("op", newName(), newIdentity("wx1"))
	f.link(t, user, external)
	f.link(t, user, newIdentity("wx2"))
	require.NoError(t, f.Profiles.Choose(t.Context(), user.ID, fullProfile()))
	require.NoError(t, f.Profiles.SetPhone(t.Context(), user.ID, identity.Phone{Number: "+8613800000000"}))
	require.NoError(t, f.Entitlements.GrantRole(t.Context(), user.ID, "role"))
	ended, live := f.signIn(t, user, client), f.signIn(t, user, client)
	_, err := f.Sessions.End(t.Context(), ended.ID, identity.EndedByClient)
	require.NoError(t, err)
	return user, external, []identity.Session{f.session(t, ended.ID), live}
}

func deletionIsComplete(t *testing.T, f fixture) {
	client := f.newClient(t)
	user, external, sessions := newFullUser(t, f, client)
	other, theirs, kept := newFullUser(t, f, client)
	accounts, err := f.Accounts.List(t.Context(), other.ID)
	require.NoError(t, err)
	stays, known := f.user(t, other.ID), f.details(t, other.ID)
	f.requestDeletion(t, user, 0)
	again := f.signIn(t, f.user(t, user.ID), client)
	linked := len(f.eventsOf(t, identity.EventLinked, user.ID))
	require.Equal(t, 1, f.purge(t))

	requireDeleted(t, f, user)
	_, err = f.Users.FindByUsername(t.Context(), user.Username)
	require.ErrorIs(t, err, identity.ErrNotFound)
	_, err = f.Accounts.Find(t.Context(), external.AccountKey)
	require.ErrorIs(t, err, identity.ErrNotFound)
	f.requireAccounts(t, user)
	require.Zero(t, f.details(t, user.ID))
	for _, session := range append(sessions, again) {
		_, _, err := f.Sessions.Find(t.Context(), session.ID)
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
	require.Len(t, f.eventsOf(t, identity.EventLinked, user.ID), linked, "events are kept")

	require.Equal(t, stays, f.user(t, other.ID))
	require.Equal(t, known, f.details(t, other.ID))
	for _, session := range kept {
		require.Equal(t, session, f.session(t, session.ID))
	}
	remaining, err := f.Accounts.List(t.Context(), other.ID)
	require.NoError(t, err)
	require.Equal(t, accounts, remaining)
	f.requireUser(t, stays, inUnion("op", theirs.UnionID, newIdentity("wx3")))
}

func idIsNeverReused(t *testing.T, f fixture) {
	user := f.newUser(t)
	require.ErrorIs(t, f.Clients.Create(t.Context(), identity.Client{ID: user.ID}), identity.ErrExists)
	f.requestDeletion(t, user, 0)
	require.Equal(t, 1, f.purge(t))
	requireDeleted(t, f, user)
	require.ErrorIs(t, f.Clients.Create(t.Context(), identity.Client{ID: user.ID}), identity.ErrExists)
	never := f.Clients.Create(t.Context(), identity.Client{ID: identity.NewUserID()})
	require.Error(t, never)
	require.NotErrorIs(t, never, identity.ErrExists, "that id is rejected, not its form")
}

func accountsCreateOtherUsers(t *testing.T, f fixture) {
	user, external, _ := newFullUser(t, f, f.newClient(t))
	f.requestDeletion(t, user, 0)
	require.Equal(t, 1, f.purge(t))
	other := f.requireNewUser(t, inUnion("op", external.UnionID, newIdentity("wx4")))
	require.NotEqual(t, user.ID, other.ID)
	f.requireUser(t, other, external)
	require.NoError(t, f.Users.SetUsername(t.Context(), other.ID, user.Username))
	require.Zero(t, f.details(t, other.ID))
	require.Empty(t, other.Roles)
}

func oldestFirst(t *testing.T, f fixture) {
	f.purge(t)
	users := make([]identity.User, 5)
	for n := range users {
		users[n] = f.newUser(t)
	}
	for _, n := range []int{3, 0, 4, 2, 1} {
		f.requestDeletion(t, users[n], time.Duration(n)*time.Minute)
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
	f.purge(t)
	users := make([]identity.User, callers)
	for n := range users {
		users[n] = f.newUser(t)
		f.requestDeletion(t, users[n], 0)
	}
	total := 0
	for _, answer := range inParallel(8, func(n int) (answer struct {
		deleted int
		err     error
	}) {
		answer.deleted, answer.err = f.at(n).Deletions.PurgeDeleted(t.Context(), callers)
		return answer
	}) {
		require.NoError(t, answer.err)
		total += answer.deleted
	}
	require.Equal(t, callers, total)
	for _, user := range users {
		requireDeleted(t, f, user)
	}
}

func scheduleDeletion(t *testing.T, f fixture, user identity.User, grace time.Duration) time.Time {
	t.Helper()
	at, err := f.Deletions.ScheduleDeletion(t.Context(), user.ID, grace)
	require.NoError(t, err)
	return at.UTC()
}

// disabledUserIsKept is about users who request their deletion before an operator disables them, and would sign in as
// new users afterwards.
func disabledUserIsKept(t *testing.T, f fixture) {
	f.purge(t)
	e := newIdentity("wx1")
	user := f.requireNewUser(t, e)
	f.requestDeletion(t, user, grace)
	require.NoError(t, f.Users.Disable(t.Context(), user.ID))
	f.advance(2 * grace)
	require.Zero(t, f.purge(t))
	f.requireUser(t, f.user(t, user.ID), e)
	require.True(t, f.user(t, user.ID).Disabled())

	late := f.newUser(t) // who was disabled while the request was processed
	require.NoError(t, f.Users.Disable(t.Context(), late.ID))
	f.requestDeletion(t, late, 0)
	behind := f.newUser(t)
	f.requestDeletion(t, behind, 0)
	deleted, err := f.Deletions.PurgeDeleted(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 1, deleted, "a kept user does not block others")
	requireDeleted(t, f, behind)
	require.True(t, f.user(t, late.ID).DeletionRequested())

	require.NoError(t, f.Users.Enable(t.Context(), user.ID))
	require.Equal(t, 1, f.purge(t), "as requested")
	requireDeleted(t, f, user)
	require.NoError(t, f.Deletions.CancelDeletion(t.Context(), late.ID))
}

func operatorDeletes(t *testing.T, f fixture) {
	f.purge(t)
	client, disabled, enabled, requested, kept := f.newClient(t), f.newUser(t), f.newUser(t), f.newUser(t), f.newUser(t)
	session := f.signIn(t, enabled, client)
	require.NoError(t, f.Users.Disable(t.Context(), disabled.ID))
	before := f.now(t)
	at := scheduleDeletion(t, f, disabled, grace)
	between(t, before.Add(grace), f.now(t).Add(grace), at)
	require.Equal(t, at, scheduleDeletion(t, f, disabled, 2*grace), "the later time does not count")
	require.True(t, f.user(t, disabled.ID).Disabled())
	scheduleDeletion(t, f, enabled, grace/2)
	require.Equal(t, identity.EndedByDeletion, f.session(t, session.ID).EndReason)
	require.Equal(t, "by an operator", f.eventsOf(t, identity.EventDeletionRequested, enabled.ID)[0].Detail)
	require.NoError(t, f.Users.Disable(t.Context(), enabled.ID), "which does not prevent the deletion")
	asked := f.requestDeletion(t, requested, grace)
	require.NoError(t, f.Users.Disable(t.Context(), requested.ID))
	require.True(t, scheduleDeletion(t, f, requested, 0).Before(asked))
	scheduleDeletion(t, f, kept, 0)
	require.NoError(t, f.Users.Disable(t.Context(), kept.ID))
	require.NoError(t, f.Deletions.CancelDeletion(t.Context(), kept.ID))
	f.requestDeletion(t, kept, 0)

	require.Equal(t, 1, f.purge(t))
	requireDeleted(t, f, requested)
	f.advance(grace / 2)
	require.Equal(t, 1, f.purge(t))
	requireDeleted(t, f, enabled)
	f.advance(grace)
	require.Equal(t, 1, f.purge(t))
	requireDeleted(t, f, disabled)
	require.True(t, f.user(t, kept.ID).DeletionRequested(), "the operator's earlier request no longer counts")
	require.NoError(t, f.Deletions.CancelDeletion(t.Context(), kept.ID))
	for _, id := range append(texts(), "", identity.NewUserID()) {
		_, err := f.Deletions.ScheduleDeletion(t.Context(), id, 0)
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", id)
	}
}

func mergedUsersAreDeleted(t *testing.T, f fixture) {
	first, second, third, bystander := f.newUser(t), f.newUser(t), f.newUser(t), f.newUser(t)
	otherRetired := f.newUser(t)
	f.merge(t, otherRetired, bystander)
	require.NoError(t, f.Profiles.Choose(t.Context(), first.ID, fullProfile()))
	f.merge(t, first, second)
	f.merge(t, second, third)
	f.requestDeletion(t, third, 0)
	require.Equal(t, 1, f.purge(t), "only users with a request are counted")
	for _, gone := range []identity.User{first, second, third} {
		requireDeleted(t, f, gone)
		require.Zero(t, f.details(t, gone.ID))
		require.ErrorIs(t, f.Clients.Create(t.Context(), identity.Client{ID: gone.ID}), identity.ErrExists)
	}
	require.Equal(t, bystander.ID, f.user(t, otherRetired.ID).MergedInto)
	remaining, err := f.Merges.List(t.Context(), 1000)
	require.NoError(t, err)
	require.Len(t, remaining, 1)
	require.Equal(t, otherRetired.ID, remaining[0].Retired)
}

func unmergedUserIsKept(t *testing.T, f fixture) {
	retired, survivor := f.newUser(t), f.newUser(t)
	_, err := f.Merges.Undo(t.Context(), f.merge(t, retired, survivor).ID)
	require.NoError(t, err)
	f.requestDeletion(t, survivor, 0)
	require.Equal(t, 1, f.purge(t))
	requireDeleted(t, f, survivor)
	require.Empty(t, f.user(t, retired.ID).MergedInto)

	other := f.newUser(t)
	_, err = f.Merges.Undo(t.Context(), f.merge(t, retired, other).ID)
	require.NoError(t, err)
	f.requestDeletion(t, retired, 0)
	require.Equal(t, 1, f.purge(t))
	requireDeleted(t, f, retired)
	require.False(t, f.user(t, other.ID).Disabled())
}
