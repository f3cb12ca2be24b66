package grants_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// TestARepeatedSignInIsAnsweredForAnHour: an old code and its key, found in a log for example, are worth nothing.
func TestARepeatedSignInIsAnsweredForAnHour(t *testing.T) {
	w := newEnv(t)
	code := w.code("alice")
	first, err := w.token(wechatCode(code, testKey))
	require.NoError(t, err)
	w.clock.Move(59 * time.Minute)
	again, err := w.token(wechatCode(code, testKey))
	require.NoError(t, err)
	require.Equal(t, first.GetRefresh(), again.GetRefresh())
	w.clock.Move(2 * time.Minute)
	_, err = w.token(wechatCode(code, testKey))
	require.ErrorIs(t, err, oauth.InvalidGrant)
	_, err = w.refresh(first.GetRefresh(), "")
	require.NoError(t, err, "the session goes on")
}

// fullAccounts and fullSessions are stores that cannot be written.
type fullAccounts struct{ identity.Accounts }

func (fullAccounts) FindOrCreateUser(context.Context, identity.ExternalIdentity) (identity.User, bool, error) {
	return identity.User{}, false, errDisk
}

type fullSessions struct{ identity.Sessions }

func (fullSessions) Open(context.Context, identity.Session, int64, identity.Lifetimes, int) (identity.Session, error) {
	return identity.Session{}, errDisk
}

// TestASignInSucceedsAfterAnOutageOfTheStore: WeChat has taken the code, then the store fails. The repeated request
// succeeds once the store is back. It is sent to WeChat only once, so it does not count as a bad code.
func TestASignInSucceedsAfterAnOutageOfTheStore(t *testing.T) {
	for name, broken := range map[string]func(*server.Config){
		"users":    func(c *server.Config) { c.Stores.Accounts = fullAccounts{c.Stores.Accounts} },
		"sessions": func(c *server.Config) { c.Stores.Sessions = fullSessions{c.Stores.Sessions} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newEnv(t)
			stores := w.config.Stores
			w.rewire(broken)
			code := w.code("alice")
			for range 310 { // 300 bad codes would block the address
				_, err := w.token(wechatCode(code, testKey))
				require.ErrorIs(t, err, oauth.TemporarilyUnavailable)
			}
			_, err := w.token(wechatCode(code, "another-key-of-a-stranger-01"))
			require.ErrorIs(t, err, oauth.InvalidGrant, "only the same key gets the answer")

			w.rewire(func(c *server.Config) { c.Stores = stores })
			info, err := w.token(wechatCode(code, testKey))
			require.NoError(t, err)
			require.Equal(t, 2, w.simulator.Requests().Paths["/sns/jscode2session"])
			again, err := w.token(wechatCode(code, testKey))
			require.NoError(t, err)
			require.Equal(t, info.GetRefresh(), again.GetRefresh())
		})
	}
}

// TestAKeptExchangeExpiresWithItsCode: after five minutes WeChat decides again.
func TestAKeptExchangeExpiresWithItsCode(t *testing.T) {
	w := newEnv(t)
	stores := w.config.Stores
	w.rewire(func(c *server.Config) { c.Stores.Sessions = fullSessions{c.Stores.Sessions} })
	code := w.code("alice")
	_, err := w.token(wechatCode(code, testKey))
	require.ErrorIs(t, err, oauth.TemporarilyUnavailable)
	w.rewire(func(c *server.Config) { c.Stores = stores })
	w.clock.Move(5*time.Minute + time.Second)
	_, err = w.token(wechatCode(code, testKey))
	require.ErrorIs(t, err, oauth.InvalidGrant)
}

// storedVolatile records all values that are stored, except known devices, and the names that are deleted.
type storedVolatile struct {
	identity.Volatile
	put, taken *[]string
}

func (v storedVolatile) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if !strings.HasPrefix(key, "device/") { // a known device
		*v.put = append(*v.put, key+" "+string(value))
	}
	return v.Volatile.Put(ctx, key, value, ttl)
}

func (v storedVolatile) Take(ctx context.Context, key string) ([]byte, error) {
	*v.taken = append(*v.taken, key)
	return v.Volatile.Take(ctx, key)
}

// TestAKeptExchangeIsSealedAndDeleted: the volatile store reveals neither who signs in, nor the code or its key, and
// keeps nothing of a sign-in that has succeeded.
func TestAKeptExchangeIsSealedAndDeleted(t *testing.T) {
	w := newEnv(t)
	var put, taken []string
	w.rewire(func(c *server.Config) { c.Volatile = storedVolatile{c.Volatile, &put, &taken} })
	code := w.code("alice")
	_, err := w.token(wechatCode(code, testKey))
	require.NoError(t, err)
	require.Len(t, put, 1)
	for _, secret := range []string{wechattest.OpenID(testApp, "alice"), code, testKey, "session_key"} {
		require.NotContains(t, put[0], secret)
	}
	name, _, _ := strings.Cut(put[0], " ")
	require.Contains(t, taken, name)
}

// TestASignInWorksWithoutTheVolatileStore: then only a repeated request after an outage fails.
func TestASignInWorksWithoutTheVolatileStore(t *testing.T) {
	w := newEnv(t)
	w.rewire(func(c *server.Config) { c.Volatile = deadVolatile{c.Volatile} })
	code := w.code("alice")
	first, err := w.token(wechatCode(code, testKey))
	require.NoError(t, err)
	again, err := w.token(wechatCode(code, testKey))
	require.NoError(t, err)
	require.Equal(t, first.GetRefresh(), again.GetRefresh())
}

// deadVolatile is a volatile store that cannot be reached.
type deadVolatile struct{ identity.Volatile }

var errDead = errors.New("connection refused")

func (deadVolatile) Put(context.Context, string, []byte, time.Duration) error { return errDead }
func (deadVolatile) Get(context.Context, string) ([]byte, error)              { return nil, errDead }
func (deadVolatile) Take(context.Context, string) ([]byte, error)             { return nil, errDead }
func (deadVolatile) PutIfAbsent(context.Context, string, []byte, time.Duration) (bool, error) {
	return false, errDead
}
