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

// TestTenFailures close a key until the next login, also if it brings the same key.
func TestTenFailures(t *testing.T) {
	c := newCellar()
	key, wrong := numberedKey(t, 1), numberedKey(t, 2)
	c.logIn(t, ada, key)
	c.logIn(t, bob, key)
	for n := range maxFailures {
		require.NoError(t, c.opens(t, ada, key), "a success gives no failure back, and costs none")
		if n%2 == 0 {
			require.ErrorIs(t, c.opens(t, ada, wrong), ErrBadData)
		} else {
			require.ErrorIs(t, c.Verify(t.Context(), ada, "{}", "x"), ErrBadData)
		}
	}
	for range 2 {
		require.ErrorIs(t, c.opens(t, ada, key), ErrNoSessionKey)
		require.ErrorIs(t, c.Verify(t.Context(), ada, "{}", "x"), ErrNoSessionKey)
		c.move(defaultKeyLife / 3) // time does not help
	}
	require.NoError(t, c.opens(t, bob, key))
	c.logIn(t, ada, key)
	require.NoError(t, c.opens(t, ada, key))
	for range maxFailures {
		require.ErrorIs(t, c.opens(t, ada, wrong), ErrBadData)
	}
	c.logIn(t, ada, numberedKey(t, 3))
	require.NoError(t, c.opens(t, ada, numberedKey(t, 3)))
	require.ErrorIs(t, c.opens(t, ada, key), ErrBadData, "the version before it stays closed")
}

// TestABurstGetsNoMoreThanTen: what is in flight counts.
func TestABurstGetsNoMoreThanTen(t *testing.T) {
	c := newCellar()
	c.logIn(t, ada, numberedKey(t, 1))
	const callers = 60
	var tried, closed, decided atomic.Int32
	all := make(chan struct{})
	decide := func() { // that a caller tries, or was turned away; those who try wait until all have
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
	c := newCellar()
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
	for name, confirm := range map[string]Confirm{"nobody to ask": nil, "WeChat is out of reach": says(false,
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
	require.ErrorIs(t, err, ErrNoSessionKey, "what WeChat disowns counts as a failure")
	c.logIn(t, ada, key)
	for range maxFailures {
		ctx, hangUp := context.WithCancel(t.Context())
		_, err = c.Decrypt(ctx, ada, sealed, KindPhone, func(ctx context.Context, _ string) (bool, error) {
			hangUp()
			return false, ctx.Err()
		})
		require.True(t, err == ErrBadData, "hanging up in time makes no failure undone")
	}
	require.ErrorIs(t, c.opens(t, ada, key), ErrNoSessionKey)
	c.logIn(t, ada, key)
	asked = ""
	_, err = c.Decrypt(t.Context(), ada, encrypt(numberedKey(t, 2), goodPhone()), KindPhone, says(true, nil))
	require.True(t, err == ErrBadData)
	require.Empty(t, asked, "WeChat is asked about what was opened only")
}

func TestAVaultOutOfReach(t *testing.T) {
	c := newCellar()
	c.logIn(t, ada, numberedKey(t, 1))
	c.broken = true
	err := c.Keep(t.Context(), ada, numberedKey(t, 2), c.now())
	require.Error(t, err)
	for _, err := range []error{c.opens(t, ada, numberedKey(t, 1)), c.Verify(t.Context(), ada, "{}", "x")} {
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrBadData)
		require.NotErrorIs(t, err, ErrNoSessionKey, "nobody is sent to log in for it")
	}
	c.broken = false
	require.ErrorIs(t, c.Keep(t.Context(), ada, SessionKey{}, c.now()), errSessionKey)
	err = c.use(t.Context(), ada, func([]SessionKey) error { c.broken = true; return ErrBadData })
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrBadData, "a failure that cannot be counted is not told")
}

// TestTheStoreShowsNothing: keys are sealed, for one account each, and openids are hashed.
func TestTheStoreShowsNothing(t *testing.T) {
	c := newCellar()
	key := parseKey(t, keyText)
	c.logIn(t, ada, key)
	require.NoError(t, c.opens(t, ada, key))
	raw := key.bytes()
	for _, secret := range []string{keyText, string(raw[:]), strings.TrimRight(keyText, "="), ada.OpenID} {
		require.NotContains(t, c.written.String(), secret)
	}
	for _, other := range []Account{bob, {AppID: "wxfedcba9876543210", OpenID: ada.OpenID},
		{AppID: ada.AppID + ` "oAda`, OpenID: ""}} {
		c.values[other.place("keys")] = c.values[ada.place("keys")]
		require.ErrorIs(t, c.opens(t, other, key), ErrNoSessionKey, "moved to another account it does not open")
	}
	c.logIn(t, bob, key)
	require.NoError(t, c.opens(t, bob, key), "the next login mends it")
}
