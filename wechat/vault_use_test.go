package wechat

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTenFailures disable a key until the next login, even if that returns the same key.
func TestTenFailures(t *testing.T) {
	c := newTestVault()
	key, wrong := numberedKey(t, 1), numberedKey(t, 2)
	c.logIn(t, ada, key)
	c.logIn(t, bob, key)
	for n := range maxFailures {
		require.NoError(t, c.opens(t, ada, key), "a success neither adds nor removes a failure")
		if n%2 == 0 {
			require.ErrorIs(t, c.opens(t, ada, wrong), ErrBadData)
		} else {
			require.ErrorIs(t, c.Verify(t.Context(), ada, "{}", "x"), ErrBadData)
		}
	}
	for range 2 {
		require.ErrorIs(t, c.opens(t, ada, key), ErrNoSessionKey)
		require.ErrorIs(t, c.Verify(t.Context(), ada, "{}", "x"), ErrNoSessionKey)
		c.move(defaultKeyLifetime / 3) // failures do not expire
	}
	require.NoError(t, c.opens(t, bob, key))
	c.logIn(t, ada, key)
	require.NoError(t, c.opens(t, ada, key))
	for range maxFailures {
		require.ErrorIs(t, c.opens(t, ada, wrong), ErrBadData)
	}
	c.logIn(t, ada, numberedKey(t, 3))
	require.NoError(t, c.opens(t, ada, numberedKey(t, 3)))
	require.ErrorIs(t, c.opens(t, ada, key), ErrBadData, "the previous version stays disabled")
}

// TestABurstGetsNoMoreThanTen: tries in flight count.
func TestABurstGetsNoMoreThanTen(t *testing.T) {
	c := newTestVault()
	c.logIn(t, ada, numberedKey(t, 1))
	const callers = 60
	var tried, closed, decided atomic.Int32
	all := make(chan struct{})
	decide := func() { // a caller tries or was rejected; those that try wait until all have decided
		if decided.Add(1) == callers {
			close(all)
		}
	}
	var running sync.WaitGroup
	for range callers {
		running.Go(func() {
			err := c.use(t.Context(), ada, func([]SessionKey) error {
				tried.Add(1)
				decide()
				<-all
				return ErrBadData
			})
			if errors.Is(err, ErrNoSessionKey) {
				closed.Add(1)
				decide()
			}
		})
	}
	running.Wait()
	require.EqualValues(t, maxFailures, tried.Load())
	require.EqualValues(t, callers-maxFailures, closed.Load())
}

func TestAPhoneIsVerifiedByWeChatOnly(t *testing.T) {
	c := newTestVault()
	key := numberedKey(t, 1)
	c.logIn(t, ada, key)
	sealed := encrypt(key, goodPhone())
	var asked string
	says := func(genuine bool, err error) Confirm {
		return func(_ context.Context, hash string) (bool, error) {
			asked = hash
			return genuine, err
		}
	}
	opened, err := c.Decrypt(t.Context(), ada, sealed, KindPhone, says(true, nil))
	require.NoError(t, err)
	require.True(t, opened.Verified)
	require.Len(t, asked, 64)
	for name, confirm := range map[string]Confirm{"no confirm function": nil, "WeChat is unreachable": says(false,
		errors.New("outage")), "a contradiction": says(true, errors.New("outage"))} {
		opened, err = c.Decrypt(t.Context(), ada, sealed, KindPhone, confirm)
		require.NoError(t, err, name)
		require.False(t, opened.Verified, name)
	}
	for range maxFailures {
		opened, err = c.Decrypt(t.Context(), ada, sealed, KindPhone, says(false, nil))
		require.True(t, err == ErrBadData)
		require.Zero(t, opened)
	}
	_, err = c.Decrypt(t.Context(), ada, sealed, KindPhone, says(true, nil))
	require.ErrorIs(t, err, ErrNoSessionKey, "data that WeChat does not confirm counts as a failure")
	c.logIn(t, ada, key)
	for range maxFailures {
		ctx, hangUp := context.WithCancel(t.Context())
		_, err = c.Decrypt(ctx, ada, sealed, KindPhone, func(ctx context.Context, _ string) (bool, error) {
			hangUp()
			return false, ctx.Err()
		})
		require.True(t, err == ErrBadData, "disconnecting does not undo the failure")
	}
	require.ErrorIs(t, c.opens(t, ada, key), ErrNoSessionKey)
	c.logIn(t, ada, key)
	asked = ""
	_, err = c.Decrypt(t.Context(), ada, encrypt(numberedKey(t, 2), goodPhone()), KindPhone, says(true, nil))
	require.True(t, err == ErrBadData)
	require.Empty(t, asked, "WeChat is asked only about decrypted data")
}

func TestAnUnreachableVault(t *testing.T) {
	c := newTestVault()
	c.logIn(t, ada, numberedKey(t, 1))
	c.broken = true
	err := c.Keep(t.Context(), ada, numberedKey(t, 2), c.now())
	require.Error(t, err)
	for _, err := range []error{c.opens(t, ada, numberedKey(t, 1)), c.Verify(t.Context(), ada, "{}", "x")} {
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrBadData)
		require.NotErrorIs(t, err, ErrNoSessionKey, "users are not asked to log in again")
	}
	c.broken = false
	require.ErrorIs(t, c.Keep(t.Context(), ada, SessionKey{}, c.now()), errSessionKey)
	err = c.use(t.Context(), ada, func([]SessionKey) error { c.broken = true; return ErrBadData })
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrBadData, "a failure that cannot be counted is not revealed")
}

// TestTheStoreShowsNothing: keys are sealed, for one account each, and openids are hashed.
func TestTheStoreShowsNothing(t *testing.T) {
	c := newTestVault()
	key := parseKey(t, keyText)
	c.logIn(t, ada, key)
	require.NoError(t, c.opens(t, ada, key))
	raw := key.bytes()
	for _, secret := range []string{keyText, string(raw[:]), strings.TrimRight(keyText, "="), ada.OpenID} {
		require.NotContains(t, c.written.String(), secret)
	}
	for _, other := range []Account{bob, {AppID: "wxfedcba9876543210", OpenID: ada.OpenID},
		{AppID: ada.AppID + ` "oAda`, OpenID: ""}} {
		c.values[other.storeKey("keys")] = c.values[ada.storeKey("keys")]
		require.ErrorIs(t, c.opens(t, other, key), ErrNoSessionKey, "it does not open for another account")
	}
	c.logIn(t, bob, key)
	require.NoError(t, c.opens(t, bob, key), "the next login replaces it")
}
