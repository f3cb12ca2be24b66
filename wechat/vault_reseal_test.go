package wechat

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestKeysAreSealedAnew if they are outdated, live no longer for it, and stay the same.
func TestKeysAreSealedAnew(t *testing.T) {
	c := newCellar()
	account := ada
	all, none := func([]byte) bool { return true }, func([]byte) bool { return false }
	done, err := c.Reseal(t.Context(), account, all)
	require.NoError(t, err)
	require.False(t, done, "there is nothing")

	c.logIn(t, account, numberedKey(t, 1))
	c.move(time.Hour)
	before, err := c.Get(t.Context(), account.place("keys"))
	require.NoError(t, err)
	done, err = c.Reseal(t.Context(), account, none)
	require.NoError(t, err)
	require.False(t, done)
	done, err = c.Reseal(t.Context(), account, all)
	require.NoError(t, err)
	require.True(t, done)
	after, err := c.Get(t.Context(), account.place("keys"))
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

// TestWhatDoesNotOpenIsLeftAlone, and a store that is down is told of.
func TestWhatDoesNotOpenIsLeftAlone(t *testing.T) {
	c := newCellar()
	account := ada
	require.NoError(t, c.Put(t.Context(), account.place("keys"),
		[]byte("sealed by nobody we know, and long enough"), time.Hour))
	done, err := c.Reseal(t.Context(), account, func([]byte) bool { return true })
	require.NoError(t, err)
	require.False(t, done)
	c.broken = true
	_, err = c.Reseal(t.Context(), account, func([]byte) bool { return true })
	require.Error(t, err)
}

// TestKeysInUseAreNotPutBack: what a login writes meanwhile would be lost.
func TestKeysInUseAreNotPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCellar()
		c.logIn(t, ada, numberedKey(t, 1))
		before, err := c.Get(t.Context(), ada.place("keys"))
		require.NoError(t, err)
		require.NoError(t, c.Put(t.Context(), ada.place("lock"), []byte{1}, time.Hour))
		done, err := c.Reseal(t.Context(), ada, func([]byte) bool { return true })
		require.ErrorContains(t, err, "run it again")
		require.False(t, done)
		after, err := c.Get(t.Context(), ada.place("keys"))
		require.NoError(t, err)
		require.Equal(t, before, after)
	})
}
