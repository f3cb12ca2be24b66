package storagetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// userHashes are the test cases of replacing the hash of a password that stays the same.
func userHashes() []testCase {
	return []testCase{
		{"a renewed hash ends no session", hashIsRenewed},
		{"a hash that is not the one that was checked is not replaced", otherHashesStay},
		{"of parallel renewals one is kept", often(parallelRenewals)},
		{"a new password wins over a renewed hash of the old one", passwordRacesRenewal},
	}
}

func hashIsRenewed(t *testing.T, f fixture) {
	user, other := f.newUser(t), f.newUser(t)
	session := f.signIn(t, user, f.newClient(t))
	replaced, err := f.Users.ReplacePasswordHash(t.Context(), user.ID, user.PasswordHash, "$argon2id$renewed")
	require.NoError(t, err)
	require.True(t, replaced)
	want := inUTC(user)
	want.PasswordHash = "$argon2id$renewed"
	require.Equal(t, want, f.user(t, user.ID), "nothing else, the epoch too")
	require.Equal(t, inUTC(other), f.user(t, other.ID), "whose hash was the same")
	f.requireLive(t, user, session.ID)
	require.Len(t, f.eventsOf(t, identity.EventHashRenewed, user.ID), 1)
	require.Empty(t, f.eventsOf(t, identity.EventPasswordSet, user.ID))
}

func otherHashesStay(t *testing.T, f fixture) {
	ctx, user := t.Context(), f.newUser(t)
	without, err := f.Users.Create(ctx, newName(), "")
	require.NoError(t, err)
	disabled := f.newUser(t)
	require.NoError(t, f.Users.Disable(ctx, disabled.ID))
	disabled = f.user(t, disabled.ID)
	cases := []struct{ id, old string }{
		{user.ID, user.PasswordHash + " "}, {user.ID, ""}, {without.ID, ""}, {disabled.ID, disabled.PasswordHash},
		{identity.NewUserID(), user.PasswordHash}, {"", user.PasswordHash}, {user.Username, user.PasswordHash},
	}
	for _, text := range texts() {
		cases = append(cases, struct{ id, old string }{user.ID, text}, struct{ id, old string }{text,
			user.PasswordHash})
	}
	for _, c := range cases {
		replaced, err := f.Users.ReplacePasswordHash(ctx, c.id, c.old, "renewed")
		require.NoError(t, err, "%q %q", c.id, c.old)
		require.False(t, replaced, "%q %q", c.id, c.old)
	}
	_, err = f.Users.ReplacePasswordHash(ctx, user.ID, user.PasswordHash, "\x00")
	require.Error(t, err)
	for _, u := range []identity.User{user, without, disabled} {
		require.Equal(t, inUTC(u), f.user(t, u.ID))
		require.Empty(t, f.eventsOf(t, identity.EventHashRenewed, u.ID))
	}
}

func parallelRenewals(t *testing.T, f fixture) {
	user := f.newUser(t)
	winner := requireOneWinner(t, together(crowd, func(n int) (w won) {
		w.won, w.err = f.at(n).Users.ReplacePasswordHash(t.Context(), user.ID, user.PasswordHash,
			fmt.Sprint("renewed ", n))
		return w
	}))
	require.Equal(t, fmt.Sprint("renewed ", winner), f.user(t, user.ID).PasswordHash)
	require.Len(t, f.eventsOf(t, identity.EventHashRenewed, user.ID), 1)
}

func passwordRacesRenewal(t *testing.T, f fixture) {
	race(t, f, 250, func(t *testing.T, user identity.User, _ identity.Client) error {
		user, err := f.Users.Find(t.Context(), user.ID)
		if err != nil {
			return err
		}
		changed := newName()
		answers := together(2, func(n int) error {
			if n == 0 {
				return f.Users.SetPassword(t.Context(), user.ID, changed)
			}
			_, err := f.at(n).Users.ReplacePasswordHash(t.Context(), user.ID, user.PasswordHash, "renewed")
			return err
		})
		after, err := f.Users.Find(t.Context(), user.ID)
		if err == nil && after.PasswordHash != changed {
			err = fmt.Errorf("%s has the hash %q of the old password", user.ID, after.PasswordHash)
		}
		return errors.Join(append(answers, err)...)
	})
}
