package dbtest_test

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
)

func TestEachTestHasItsKeys(t *testing.T) {
	url, prefix := dbtest.Redis(t)
	client := redis.NewClient(mustParse(t, url))
	defer client.Close()
	require.NoError(t, client.Set(t.Context(), prefix+"key", "mine", 0).Err())
	var others string
	t.Run("and leave no others", func(t *testing.T) {
		same, prefix := dbtest.Redis(t)
		require.Equal(t, url, same)
		others = prefix + "key"
		require.NoError(t, client.Set(t.Context(), others, "other", 0).Err())
	})
	require.Zero(t, client.Exists(t.Context(), others).Val())
	require.Equal(t, "mine", client.Get(t.Context(), prefix+"key").Val())
}

func TestATemporaryRedisForgetsWhenItIsKilled(t *testing.T) {
	server := dbtest.RestartableRedis(t)
	client := redis.NewClient(mustParse(t, server.URL()))
	defer client.Close()
	require.NoError(t, client.Set(t.Context(), "key", "value", 0).Err())
	server.Kill()
	require.Error(t, client.Ping(t.Context()).Err())
	require.NoError(t, server.Start())
	require.Zero(t, client.Exists(t.Context(), "key").Val())
}

func mustParse(t *testing.T, url string) *redis.Options {
	t.Helper()
	options, err := redis.ParseURL(url)
	require.NoError(t, err)
	return options
}
