package wechat

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestKeysAreResealed if they are outdated. The keys and their lifetime stay the same.
func TestKeysAreResealed(t *testing.T) {
	c := newTestVault()
	account := ada
	all, none := func([]byte) bool { return true }, func([]byte) bool { return false }
	done, err := c.Reseal(t.Context(), account, all)
	require.NoError(t, err)
	require.False(t, done, "there is no key")

	c.logIn(t, account, numberedKey(t, 1))
	c.move(time.Hour)
	before, err := c.Get(t.Context(), account.storeKey("keys"))
	require.NoError(t, err)
	done, err = c.Reseal(t.Context(), account, none)
	require.NoError(t, err)
	require.False(t, done)
	done, err = c.Reseal(t.Context(), account, all)
	require.NoError(t, err)
	require.True(t, done)
	after, err := c.Get(t.Context(), account.storeKey("keys"))
	require.NoError(t, err)
	require.False(t, bytes.Equal(before, after))
	key, err := c.Current(t.Context(), account)
	require.NoError(t, err)
	require.True(t, key.equal(numberedKey(t, 1)))

	c.move(71*time.Hour - time.Minute)
	_, err = c.Current(t.Context(), account)
	require.NoError(t, err)
	c.move(2 * time.Minute)
	_, err = c.Current(t.Context(), account)
	require.ErrorIs(t, err, ErrNoSessionKey, "three days after the sign-in")
}

// TestKeysThatCannotBeOpenedAreUnchanged, and errors of the store are returned.
func TestKeysThatCannotBeOpenedAreUnchanged(t *testing.T) {
	c := newTestVault()
	account := ada
	require.NoError(t, c.Put(t.Context(), account.storeKey("keys"),
		[]byte("sealed with an unknown key, and long enough"), time.Hour))
	done, err := c.Reseal(t.Context(), account, func([]byte) bool { return true })
	require.NoError(t, err)
	require.False(t, done)
	c.broken = true
	_, err = c.Reseal(t.Context(), account, func([]byte) bool { return true })
	require.Error(t, err)
}

// TestLockedKeysAreNotResealed: the key of a concurrent login would be lost.
func TestLockedKeysAreNotResealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestVault()
		c.logIn(t, ada, numberedKey(t, 1))
		before, err := c.Get(t.Context(), ada.storeKey("keys"))
		require.NoError(t, err)
		require.NoError(t, c.Put(t.Context(), ada.storeKey("lock"), []byte{1}, time.Hour))
		done, err := c.Reseal(t.Context(), ada, func([]byte) bool { return true })
		require.ErrorContains(t, err, "run it again")
		require.False(t, done)
		after, err := c.Get(t.Context(), ada.storeKey("keys"))
		require.NoError(t, err)
		require.Equal(t, before, after)
	})
}
