package storagetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// userHashes are the trials of replacing the hash of a password that stays the same.
func userHashes() []trial {
	return []trial{
		{"a renewed hash ends no session", hashIsRenewed},
		{"a hash that is not the one that was checked is not replaced", otherHashesStay},
		{"of parallel renewals one is kept", often(parallelRenewals)},
		{"a new password wins over a renewed hash of the old one", passwordRacesRenewal},
	}
}

func hashIsRenewed(t *testing.T, h house) {
	user, other := h.newUser(t), h.newUser(t)
	session := h.signIn(t, user, h.newClient(t))
	replaced, err := h.Users.ReplacePasswordHash(t.Context(), user.ID, user.PasswordHash, "$argon2id$renewed")
	require.NoError(t, err)
	require.True(t, replaced)
	want := inUTC(user)
	want.PasswordHash = "$argon2id$renewed"
	require.Equal(t, want, h.user(t, user.ID), "nothing else, the epoch too")
	require.Equal(t, inUTC(other), h.user(t, other.ID), "whose hash was the same")
	h.requireLive(t, user, session.ID)
	require.Len(t, h.eventsOf(t, identity.EventHashRenewed, user.ID), 1)
	require.Empty(t, h.eventsOf(t, identity.EventPasswordSet, user.ID))
}

func otherHashesStay(t *testing.T, h house) {
	ctx, user := t.Context(), h.newUser(t)
	without, err := h.Users.Create(ctx, newName(), "")
	require.NoError(t, err)
	disabled := h.newUser(t)
	require.NoError(t, h.Users.Disable(ctx, disabled.ID))
	disabled = h.user(t, disabled.ID)
	cases := []struct{ id, old string }{
		{user.ID, user.PasswordHash + " "}, {user.ID, ""}, {without.ID, ""}, {disabled.ID, disabled.PasswordHash},
		{identity.NewUserID(), user.PasswordHash}, {"", user.PasswordHash}, {user.Username, user.PasswordHash},
	}
	for _, text := range texts() {
		cases = append(cases, struct{ id, old string }{user.ID, text}, struct{ id, old string }{text,
			user.PasswordHash})
	}
	for _, c := range cases {
		replaced, err := h.Users.ReplacePasswordHash(ctx, c.id, c.old, "renewed")
		require.NoError(t, err, "%q %q", c.id, c.old)
		require.False(t, replaced, "%q %q", c.id, c.old)
	}
	_, err = h.Users.ReplacePasswordHash(ctx, user.ID, user.PasswordHash, "\x00")
	require.Error(t, err)
	for _, u := range []identity.User{user, without, disabled} {
		require.Equal(t, inUTC(u), h.user(t, u.ID))
		require.Empty(t, h.eventsOf(t, identity.EventHashRenewed, u.ID))
	}
}

func parallelRenewals(t *testing.T, h house) {
	user := h.newUser(t)
	winner := requireOneWinner(t, together(crowd, func(n int) (w won) {
		w.won, w.err = h.at(n).Users.ReplacePasswordHash(t.Context(), user.ID, user.PasswordHash,
			fmt.Sprint("renewed ", n))
		return w
	}))
	require.Equal(t, fmt.Sprint("renewed ", winner), h.user(t, user.ID).PasswordHash)
	require.Len(t, h.eventsOf(t, identity.EventHashRenewed, user.ID), 1)
}

func passwordRacesRenewal(t *testing.T, h house) {
	h.race(t, 250, func(t *testing.T, user identity.User, _ identity.Client) error {
		user, err := h.Users.Find(t.Context(), user.ID)
		if err != nil {
			return err
		}
		changed := newName()
		answers := together(2, func(n int) error {
			if n == 0 {
				return h.Users.SetPassword(t.Context(), user.ID, changed)
			}
			_, err := h.at(n).Users.ReplacePasswordHash(t.Context(), user.ID, user.PasswordHash, "renewed")
			return err
		})
		after, err := h.Users.Find(t.Context(), user.ID)
		if err == nil && after.PasswordHash != changed {
			err = fmt.Errorf("%s has the hash %q of the old password", user.ID, after.PasswordHash)
		}
		return errors.Join(append(answers, err)...)
	})
}
