package wechat

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// opens encrypts data with a key for an account, and returns the error of decrypting it.
func (c *testVault) opens(t testing.TB, account Account, key SessionKey) error {
	t.Helper()
	text := `{"opengid":"tGroup",` + mark(account.AppID, c.now()) + "}"
	_, err := c.Decrypt(t.Context(), account, encrypt(key, text), KindGroup, nil)
	return err
}

func TestAKeyThatWasReplacedIsTriedForTenMinutes(t *testing.T) {
	c := newTestVault()
	one, two, three := numberedKey(t, 1), numberedKey(t, 2), numberedKey(t, 3)
	require.ErrorIs(t, c.opens(t, ada, one), ErrNoSessionKey)
	c.logIn(t, ada, one)
	require.NoError(t, c.opens(t, ada, one))
	require.ErrorIs(t, c.opens(t, bob, one), ErrNoSessionKey, "each account has its own keys")
	c.move(time.Hour)
	c.logIn(t, ada, two)
	require.NoError(t, c.opens(t, ada, two))
	require.NoError(t, c.opens(t, ada, one))
	c.move(keyOverlap - time.Second)
	c.logIn(t, ada, three)
	for _, key := range []SessionKey{one, two, three} {
		require.NoError(t, c.opens(t, ada, key))
	}
	c.move(2 * time.Second)
	require.ErrorIs(t, c.opens(t, ada, one), ErrBadData)
	require.NoError(t, c.opens(t, ada, two))
	c.move(keyOverlap)
	require.ErrorIs(t, c.opens(t, ada, two), ErrBadData)
	require.NoError(t, c.opens(t, ada, three))
	c.logIn(t, ada, numberedKey(t, 4)) // there are more than three versions now
	require.ErrorIs(t, c.opens(t, ada, two), ErrBadData)
}

func TestStoringTheSameKeyAddsNoVersion(t *testing.T) {
	c := newTestVault()
	for n := range 5 {
		c.logIn(t, ada, numberedKey(t, 1+n/4)) // the last is a different one
		c.move(time.Second)
	}
	versions, err := c.read(t.Context(), ada)
	require.NoError(t, err)
	require.Len(t, versions, 2)
	for n := range 10 {
		c.logIn(t, ada, numberedKey(t, n))
	}
	versions, err = c.read(t.Context(), ada)
	require.NoError(t, err)
	require.Len(t, versions, maxVersions)
	current, err := c.Current(t.Context(), ada)
	require.NoError(t, err)
	require.True(t, current.equal(numberedKey(t, 9)))
	c.logIn(t, ada, numberedKey(t, 8)) // an earlier one again
	versions, err = c.read(t.Context(), ada)
	require.NoError(t, err)
	require.Len(t, versions, maxVersions)
	require.True(t, versions[0].key.equal(numberedKey(t, 8)))
	require.True(t, versions[1].key.equal(numberedKey(t, 9)))
}

func TestAKeyLivesOn(t *testing.T) {
	c := newTestVault()
	c.logIn(t, ada, numberedKey(t, 1))
	c.move(defaultKeyLifetime - time.Minute)
	c.logIn(t, ada, numberedKey(t, 1))
	c.move(defaultKeyLifetime - time.Minute)
	require.NoError(t, c.opens(t, ada, numberedKey(t, 1)))
	c.move(2 * time.Minute)
	require.ErrorIs(t, c.opens(t, ada, numberedKey(t, 1)), ErrNoSessionKey)
}

// TestTheNewestExchangeHasTheCurrentKey, in whatever order two replicas store their keys.
func TestTheNewestExchangeHasTheCurrentKey(t *testing.T) {
	c := newTestVault()
	old, fresh, at := numberedKey(t, 1), numberedKey(t, 2), c.now()
	require.NoError(t, c.Keep(t.Context(), ada, fresh, at.Add(time.Second)))
	require.NoError(t, c.Keep(t.Context(), ada, old, at))
	current, err := c.Current(t.Context(), ada)
	require.NoError(t, err)
	require.True(t, current.equal(fresh))
	require.NoError(t, c.opens(t, ada, old))

	// the clock of a replica is wrong; the last writer wins
	require.NoError(t, c.Keep(t.Context(), ada, old, at.Add(-time.Hour)))
	current, err = c.Current(t.Context(), ada)
	require.NoError(t, err)
	require.True(t, current.equal(old))
}

func TestConcurrentLoginsLoseNoKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestVault()
		c.slow = 5 * time.Millisecond // so that both would read before either writes
		for range 10 {
			c.logIn(t, ada, numberedKey(t, 9))
			var all sync.WaitGroup
			at := c.now()
			for n := 1; n <= 2; n++ {
				all.Go(func() {
					require.NoError(t, c.Keep(context.Background(), ada, numberedKey(t, n),
						at.Add(time.Duration(n)*time.Second)))
				})
			}
			all.Wait()
			versions, err := c.read(t.Context(), ada)
			require.NoError(t, err)
			require.Len(t, versions, maxVersions)
			require.True(t, versions[0].key.equal(numberedKey(t, 2)))
			c.move(time.Hour)
		}
	})
}

// TestAStaleLockBlocksNoLogin, when the process that held the lock has crashed.
func TestAStaleLockBlocksNoLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestVault()
		require.NoError(t, c.Put(t.Context(), ada.storeKey("lock"), []byte{1}, time.Hour))
		begun := time.Now()
		c.logIn(t, ada, numberedKey(t, 1))
		require.Less(t, time.Since(begun), keepTimeout)
		require.NoError(t, c.opens(t, ada, numberedKey(t, 1)))
	})
}

// TestALateLoginDoesNotReleaseTheNextOnesLock: the store was so slow that the lock has expired, and another login has
// locked the account.
func TestALateLoginDoesNotReleaseTheNextOnesLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestVault()
		ctx, cancel := context.WithTimeout(t.Context(), keepTimeout)
		defer cancel()
		unlock, locked := c.lock(ctx, ada)
		require.True(t, locked)
		c.move(keepTimeout + time.Millisecond)
		time.Sleep(keepTimeout + time.Millisecond)
		next, locked := c.lock(t.Context(), ada)
		require.True(t, locked)
		unlock()
		_, err := c.Get(t.Context(), ada.storeKey("lock"))
		require.NoError(t, err, "the next login's lock")
		next()
		_, err = c.Get(t.Context(), ada.storeKey("lock"))
		require.Error(t, err)
	})
}

// TestForgottenKeys: a user has withdrawn the permission for the keys of logins before.
func TestForgottenKeys(t *testing.T) {
	c := newTestVault()
	account := ada
	require.NoError(t, c.Forget(t.Context(), account, c.now()), "there is no key")
	c.logIn(t, account, numberedKey(t, 1))
	c.move(time.Minute)
	withdrawn := c.now()
	c.move(time.Minute)
	c.logIn(t, account, numberedKey(t, 2))
	require.NoError(t, c.Forget(t.Context(), account, withdrawn))
	versions, err := c.read(t.Context(), account)
	require.NoError(t, err)
	require.Len(t, versions, 1, "the key of the later login stays")
	require.True(t, versions[0].key.equal(numberedKey(t, 2)))

	c.move(time.Minute)
	require.NoError(t, c.Forget(t.Context(), account, c.now()))
	_, err = c.Current(t.Context(), account)
	require.ErrorIs(t, err, ErrNoSessionKey)
	_, err = c.Get(t.Context(), account.storeKey("keys"))
	require.ErrorIs(t, err, errNothing)
	c.broken = true
	require.Error(t, c.Forget(t.Context(), account, c.now()))
}
