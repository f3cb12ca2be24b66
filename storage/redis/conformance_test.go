package redis_test

import (
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/redis"
	"github.com/lingpai/lingpai/storage/storagetest"
)

func TestMain(m *testing.M) { dbtest.Run(m) }

func TestConformance(t *testing.T) {
	storagetest.RunVolatile(t, func(t *testing.T) (identity.Volatile, func(time.Duration)) {
		url, prefix := dbtest.Redis(t)
		client := dial(t, url)
		return open(t, url, prefix), func(by time.Duration) { advance(t, client, prefix, by) }
	})
}

// longTimeout is the timeout of calls in tests that do not test timeouts, since a busy machine may be slow.
const longTimeout = 10 * time.Second

func open(t *testing.T, url, prefix string) *redis.Store {
	t.Helper()
	return openWithin(t, url, prefix, longTimeout)
}

func openWithin(t *testing.T, url, prefix string, timeout time.Duration) *redis.Store {
	t.Helper()
	store, err := redis.Open(redis.Options{URL: url, KeyPrefix: prefix, Timeout: timeout})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

// dial returns a client for examining what a store has written.
func dial(t *testing.T, url string) *goredis.Client {
	t.Helper()
	options, err := goredis.ParseURL(url)
	require.NoError(t, err)
	client := goredis.NewClient(options)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

// ageKey makes a key older: it reduces the remaining lifetime, and moves the time that a rate contains. It fails for
// a key that does not expire.
var ageKey = goredis.NewScript(`
local left = redis.call('PTTL', KEYS[1])
if left == -1 then
  return redis.error_reply('ERR kept forever')
end
left = left - ARGV[1]
if left <= 0 then
  return redis.call('DEL', KEYS[1])
end
if ARGV[2] ~= '' then
  redis.call('SET', KEYS[1], string.format('%.0f', redis.call('GET', KEYS[1]) - ARGV[2]))
end
return redis.call('PEXPIRE', KEYS[1], left)`)

// advance advances the clock of a store by making all its keys older.
func advance(t *testing.T, client *goredis.Client, prefix string, by time.Duration) {
	t.Helper()
	names, err := client.Keys(t.Context(), prefix+"*").Result()
	require.NoError(t, err)
	for _, name := range names {
		instants := any("")
		if !strings.HasPrefix(name, prefix+"{.") { // a rate
			instants = by.Microseconds()
		}
		require.NoError(t, ageKey.Run(t.Context(), client, []string{name}, by.Milliseconds(), instants).Err())
	}
}
