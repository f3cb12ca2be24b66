package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func deleting() []trial {
	return []trial{
		{"who left is deleted when his time has come, and not before", timeComes},
		{"with a user goes all that is his, and nothing else", allGoes},
		{"the id of a deleted user is nobody's ever", idIsNobodys},
		{"the accounts and the name of a deleted user make others", accountsMakeOthers},
		{"with a user go those who were joined into it, and into those", joinedGo},
		{"who was joined into a user and is another one again stays", unjoinedStays},
		{"who left and was disabled stays until enabled, so that no new user comes of the same accounts",
			disabledStays},
		{"whom an operator deletes goes, disabled or not, at the earlier instant, and may be kept", dismissedGoes},
		{"the first to leave are deleted first, and no more than asked for", oldestFirst},
		{"of parallel deletions each user is counted and told of once", parallelDeletions},
	}
}

// deleteLeft deletes whose time has come.
func (h house) deleteLeft(t *testing.T) (deleted int) {
	t.Helper()
	for {
		n, err := h.Deletions.DeleteLeft(t.Context(), 10)
		require.NoError(t, err)
		if n == 0 {
			return deleted
		}
		deleted += n
	}
}

func (h house) requireGone(t *testing.T, user identity.User) {
	t.Helper()
	_, err := h.Users.Find(t.Context(), user.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.Len(t, h.eventsOf(t, identity.EventUserDeleted, user.ID), 1)
}

func timeComes(t *testing.T, h house) {
	h.advance(2 * grace)
	h.deleteLeft(t) // whom other trials left
	user, sooner, stays := h.newUser(t), h.newUser(t), h.newUser(t)
	h.leave(t, sooner, grace/2)
	at := h.leave(t, user, grace)
	require.Zero(t, h.deleteLeft(t))
	h.advance(grace / 2)
	require.Equal(t, 1, h.deleteLeft(t))
	h.requireGone(t, sooner)
	h.advance(at.Sub(h.now(t)) - time.Minute)
	require.Zero(t, h.deleteLeft(t))
	require.True(t, h.user(t, user.ID).Leaving())
	h.advance(time.Minute)
	require.Equal(t, 1, h.deleteLeft(t))
	h.requireGone(t, user)
	require.Equal(t, inUTC(stays), h.user(t, stays.ID))
	require.ErrorIs(t, h.Deletions.Stay(t.Context(), user.ID), identity.ErrNotFound)
	_, err := h.Deletions.Leave(t.Context(), user.ID, grace)
	require.ErrorIs(t, err, identity.ErrNotFound)
}

// settle gives a user everything that one can have.
func (h house) settle(t *testing.T, client identity.Client) (identity.User, identity.Sighting, []identity.Session) {
	t.Helper()
	user, seen := h.newUser(t), in("op", newName(), sight("wx1", newName()))
	h.link(t, user, seen)
	h.link(t, user, sight("wx2", newName()))
	require.NoError(t, h.Profiles.Choose(t.Context(), user.ID, fullProfile()))
	require.NoError(t, h.Profiles.SetPhone(t.Context(), user.ID, identity.Phone{Number: "+8613800000000"}))
	require.NoError(t, h.Entitlements.GrantRole(t.Context(), user.ID, "role"))
	ended, live := h.signIn(t, user, client), h.signIn(t, user, client)
	_, err := h.Sessions.End(t.Context(), ended.ID, identity.EndedByClient)
	require.NoError(t, err)
	return user, seen, []identity.Session{h.session(t, ended.ID), live}
}

func allGoes(t *testing.T, h house) {
	client := h.newClient(t)
	user, seen, sessions := h.settle(t, client)
	other, theirs, kept := h.settle(t, client)
	accounts, err := h.Accounts.List(t.Context(), other.ID)
	require.NoError(t, err)
	stays, known := h.user(t, other.ID), h.details(t, other.ID)
	h.leave(t, user, 0)
	again := h.signIn(t, h.user(t, user.ID), client)
	linked := len(h.eventsOf(t, identity.EventLinked, user.ID))
	require.Equal(t, 1, h.deleteLeft(t))

	h.requireGone(t, user)
	_, err = h.Users.FindByUsername(t.Context(), user.Username)
	require.ErrorIs(t, err, identity.ErrNotFound)
	_, err = h.Accounts.Find(t.Context(), seen.AccountKey)
	require.ErrorIs(t, err, identity.ErrNotFound)
	h.requireAccounts(t, user)
	require.Zero(t, h.details(t, user.ID))
	for _, session := range append(sessions, again) {
		_, _, err := h.Sessions.Find(t.Context(), session.ID)
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
	require.Len(t, h.eventsOf(t, identity.EventLinked, user.ID), linked, "events stay")

	require.Equal(t, stays, h.user(t, other.ID))
	require.Equal(t, known, h.details(t, other.ID))
	for _, session := range kept {
		require.Equal(t, session, h.session(t, session.ID))
	}
	left, err := h.Accounts.List(t.Context(), other.ID)
	require.NoError(t, err)
	require.Equal(t, accounts, left)
	h.requireSeen(t, stays, in("op", theirs.UnionID, sight("wx3", newName())))
}

func idIsNobodys(t *testing.T, h house) {
	user := h.newUser(t)
	require.ErrorIs(t, h.Clients.Create(t.Context(), identity.Client{ID: user.ID}), identity.ErrExists)
	h.leave(t, user, 0)
	require.Equal(t, 1, h.deleteLeft(t))
	h.requireGone(t, user)
	require.ErrorIs(t, h.Clients.Create(t.Context(), identity.Client{ID: user.ID}), identity.ErrExists)
	never := h.Clients.Create(t.Context(), identity.Client{ID: identity.NewUserID()})
	require.Error(t, never)
	require.NotErrorIs(t, never, identity.ErrExists, "what is refused is that id, not its kind")
}

func accountsMakeOthers(t *testing.T, h house) {
	user, seen, _ := h.settle(t, h.newClient(t))
	h.leave(t, user, 0)
	require.Equal(t, 1, h.deleteLeft(t))
	other := h.requireNew(t, in("op", seen.UnionID, sight("wx4", newName())))
	require.NotEqual(t, user.ID, other.ID)
	h.requireSeen(t, other, seen)
	require.NoError(t, h.Users.Name(t.Context(), other.ID, user.Username))
	require.Zero(t, h.details(t, other.ID))
	require.Empty(t, other.Roles)
}

func oldestFirst(t *testing.T, h house) {
	h.deleteLeft(t)
	users := make([]identity.User, 5)
	for n := range users {
		users[n] = h.newUser(t)
	}
	for _, n := range []int{3, 0, 4, 2, 1} {
		h.leave(t, users[n], time.Duration(n)*time.Minute)
	}
	h.advance(time.Hour)
	for n := 0; n < len(users); n += 2 {
		deleted, err := h.Deletions.DeleteLeft(t.Context(), 2)
		require.NoError(t, err)
		require.Equal(t, min(2, len(users)-n), deleted)
		for m, user := range users {
			_, err := h.Users.Find(t.Context(), user.ID)
			require.Equal(t, m >= n+2, err == nil, "%d after %d", m, n)
		}
	}
}

func parallelDeletions(t *testing.T, h house) {
	h.deleteLeft(t)
	users := make([]identity.User, crowd)
	for n := range users {
		users[n] = h.newUser(t)
		h.leave(t, users[n], 0)
	}
	total := 0
	for _, answer := range together(8, func(n int) (answer struct {
		deleted int
		err     error
	}) {
		answer.deleted, answer.err = h.at(n).Deletions.DeleteLeft(t.Context(), crowd)
		return answer
	}) {
		require.NoError(t, answer.err)
		total += answer.deleted
	}
	require.Equal(t, crowd, total)
	for _, user := range users {
		h.requireGone(t, user)
	}
}
