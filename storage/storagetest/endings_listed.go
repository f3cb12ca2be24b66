package storagetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func endingsListed() []trial {
	return []trial{
		{"what ended is listed, however it ended, and what lives is not", everyEndingIsListed},
		{"also what an operator ends, what an unlinked account opened, and what a join ends", otherEndingsAreListed},
		{"what had run out long before is not, though whoever ends all ends it too", ranOutIsNotListed},
		{"it is listed for as long as its access tokens may live, and a little longer", listedAsLongAsTokens},
		{"the longest life of any client's tokens counts", longestLifeCounts},
		{"of too many the latest are listed, and the rest is told by an instant", latestAreListed},
		{"of parallel endings and listings none is missed", often(endingsRaceListing)},
		// the last: it prunes all that there is
		{"of a deleted user it is listed too, until it is pruned", listedAfterDeletion},
	}
}

const tokenLife = 10 * time.Minute

func (h house) ended(t *testing.T, limit int) identity.Endings {
	t.Helper()
	before := h.now(t)
	endings, err := h.Sessions.Ended(t.Context(), tokenLife, limit)
	require.NoError(t, err)
	between(t, before, h.now(t), endings.ReadAt)
	return endings
}

// requireListed also requires that nothing else is.
func (h house) requireListed(t *testing.T, ids ...string) {
	t.Helper()
	endings := h.ended(t, 1000)
	require.ElementsMatch(t, ids, endings.SessionIDs)
	require.Zero(t, endings.MissingUntil)
}

// forgetEndings lets time pass until nothing is listed.
func (h house) forgetEndings(t *testing.T) {
	t.Helper()
	h.advance(25 * time.Hour)
	h.requireListed(t)
}

func everyEndingIsListed(t *testing.T, h house) {
	h.forgetEndings(t)
	user, client := h.newUser(t), h.newClient(t)
	disabled, left, changed := h.newUser(t), h.newUser(t), h.newUser(t)
	revoked, theft := h.signIn(t, user, client).ID, h.signIn(t, user, client).ID
	want := []string{revoked, theft}
	for _, gone := range []identity.User{disabled, left, changed} {
		want = append(want, h.signIn(t, gone, client).ID)
	}
	limited := newSession(user, h.newClient(t))
	want = append(want, h.open(t, limited, user, 0).ID)
	h.signIn(t, user, client) // lives
	h.openFor(t, user, client, time.Millisecond, time.Millisecond)
	h.advance(time.Second)

	h.end(t, revoked)
	_, err := h.Sessions.End(t.Context(), theft, identity.EndedByTheft)
	require.NoError(t, err)
	require.NoError(t, h.Users.Disable(t.Context(), disabled.ID))
	h.leave(t, left, time.Hour)
	require.NoError(t, h.Users.SetPassword(t.Context(), changed.ID, "another"))
	h.open(t, newSession(user, identity.Client{ID: limited.ClientID}), user, 1)
	h.requireListed(t, want...)
}

func otherEndingsAreListed(t *testing.T, h house) {
	h.forgetEndings(t)
	client := h.newClient(t)
	seen, other := sight("wx1", newName()), sight("wx2", newName())
	unlinks := h.requireNew(t, seen)
	h.link(t, unlinks, other)
	opened := newSession(unlinks, client)
	opened.Account = seen.AccountKey
	h.open(t, opened, unlinks, 0)
	h.unlink(t, unlinks, seen, seen.AccountKey)
	want := []string{opened.ID}

	c := h.newCouple(t)
	want = append(want, h.signIn(t, c.retired, client).ID)
	h.join(t, c.retired, c.survivor)
	h.requireListed(t, want...)

	all, since := h.newUser(t), h.newUser(t)
	want = append(want, h.signIn(t, all, client).ID)
	_, err := h.Sessions.EndAll(t.Context(), all.ID, identity.EndedByOperator)
	require.NoError(t, err)
	h.advance(time.Second)
	at := h.now(t)
	want = append(want, h.signIn(t, since, client).ID)
	_, err = h.Sessions.EndSince(t.Context(), at, identity.EndedByOperator)
	require.NoError(t, err)
	h.requireListed(t, want...)
	before := h.newUser(t)
	want = append(want, h.signIn(t, before, client).ID, h.witness)
	_, err = h.Sessions.EndBefore(t.Context(), h.now(t), identity.EndedByOperator)
	require.NoError(t, err)
	listed := h.ended(t, 1000).SessionIDs
	require.Subset(t, listed, want)
}

func ranOutIsNotListed(t *testing.T, h house) {
	h.forgetEndings(t)
	user, client := h.newUser(t), h.newClient(t)
	h.openFor(t, user, client, time.Minute, 1000*time.Hour)
	h.openFor(t, user, client, time.Minute, time.Minute)
	late := h.openFor(t, user, client, 20*time.Minute, time.Hour)
	h.advance(25 * time.Minute)
	_, err := h.Sessions.EndAll(t.Context(), user.ID, identity.EndedByOperator)
	require.NoError(t, err)
	h.requireListed(t, late)
}

func listedAsLongAsTokens(t *testing.T, h house) {
	h.forgetEndings(t)
	user, client := h.newUser(t), h.newClient(t)
	session := h.signIn(t, user, client).ID
	h.end(t, session)
	h.advance(tokenLife + time.Minute) // a verifier's leeway, and clocks that differ
	h.requireListed(t, session)
	h.advance(2 * time.Minute)
	h.requireListed(t)
}

func longestLifeCounts(t *testing.T, h house) {
	h.forgetEndings(t)
	client := identity.Client{ID: identity.NewClientID(), Name: "Slow", AccessTTL: 3 * tokenLife}
	require.NoError(t, h.Clients.Create(t.Context(), client))
	session := h.signIn(t, h.newUser(t), client).ID
	h.end(t, session)
	h.advance(2 * tokenLife)
	h.requireListed(t, session)
	h.advance(2 * tokenLife)
	h.requireListed(t)
}

func listedAfterDeletion(t *testing.T, h house) {
	h.deleteLeft(t)
	h.forgetEndings(t)
	user := h.newUser(t)
	client := identity.Client{ID: identity.NewClientID(), Name: "Slowest", AccessTTL: 24 * time.Hour}
	require.NoError(t, h.Clients.Create(t.Context(), client))
	session := h.openFor(t, user, client, 48*time.Hour, 72*time.Hour)
	h.leave(t, user, 24*time.Hour)
	h.advance(24 * time.Hour) // after which tokens of it may still be taken, by clocks that are late
	require.Equal(t, 1, h.deleteLeft(t))
	h.requireGone(t, user)
	for _, keep := range []time.Duration{25 * time.Hour, 0} {
		endings, err := h.Sessions.Ended(t.Context(), tokenLife, 1000)
		require.NoError(t, err)
		require.Equal(t, []string{session}, endings.SessionIDs)
		h.prune(t, keep, 100)
		h.advance(time.Millisecond)
	}
	h.prune(t, 0, 100)
	endings, err := h.Sessions.Ended(t.Context(), tokenLife, 1000)
	require.NoError(t, err)
	require.Empty(t, endings.SessionIDs)
}

func latestAreListed(t *testing.T, h house) {
	h.forgetEndings(t)
	user, client := h.newUser(t), h.newClient(t)
	var ids []string
	var at []time.Time
	for range 5 {
		id := h.signIn(t, user, client).ID
		h.end(t, id)
		ids, at = append(ids, id), append(at, h.session(t, id).EndedAt)
		h.advance(time.Second)
	}
	check := func() {
		endings := h.ended(t, 3)
		require.Equal(t, []string{ids[4], ids[3], ids[2]}, endings.SessionIDs)
		sameInstant(t, at[1], endings.MissingUntil)
		require.Zero(t, h.ended(t, 5).MissingUntil)
	}
	check()
	h.leave(t, user, 0)
	require.Positive(t, h.deleteLeft(t)) // and whom other trials left
	check()
}

// endingsRaceListing ends sessions while others list them: whoever lists after an ending was answered finds it.
func endingsRaceListing(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	for n, missed := range together(crowd, func(n int) error {
		mine := h.at(n)
		session := newSession(user, client)
		if _, err := mine.Sessions.Open(t.Context(), session, user.AuthEpoch, lifetimes(), 0); err != nil {
			return err
		}
		if _, err := mine.Sessions.End(t.Context(), session.ID, identity.EndedByUser); err != nil {
			return err
		}
		endings, err := h.at(n+1).Sessions.Ended(t.Context(), tokenLife, 10000)
		if err != nil {
			return err
		}
		if slices.Contains(endings.SessionIDs, session.ID) {
			return nil
		}
		return identity.ErrNotFound
	}) {
		require.NoError(t, missed, "caller %d", n)
	}
}
