package redis_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/redis"
)

func TestURLs(t *testing.T) {
	for _, good := range []string{
		"redis://localhost", "redis://localhost:6379", "redis://127.0.0.1:6379/3", "redis://[::1]:6379/",
		"redis://:pass%2Fword@host:6379/0",
		"rediss://user:password@host:6379", "rediss://host?skip_verify=true", "unix:///run/redis.sock?db=2",
		"unix://user:password@/run/redis.sock",
		"redis://host:6379?addr=host2:6379&addr=host3:6379", "rediss://user:password@host:6379?addr=host2:6379",
		"redis://host:26379?master_name=mine",
		"redis://user:password@host:26379/2?master_name=mine&addr=host2:26379&username=user2&password=password2",
	} {
		require.NoError(t, redis.CheckURL(good), good)
	}
}

func TestBadURLs(t *testing.T) {
	for _, bad := range []string{
		"", "host:6379", "redis:host:6379", "redis://", "redis:///3", "redis://:6379", "http://secret@host",
		"redis://host:secret",
		"redis://host:6379/secret", "redis://host:6379/-1", "redis://host:6379/1/secret", "redis://host?db=secret",
		"redis://host?pool_size=1",
		"redis://host?secret=secret", "redis://host?%zz=secret", "redis://host?read_timeout=1h&secret",
		"unix://", "unix://?db=1",
		"redis://:se/cret@host:6379", "redis://:se#cret@host:6379", "redis://user:12#secret@host:6379",
		"redis://:se?cret@host:6379", "redis://user:12?secret@host",
		"redis://:se%cret@host:6379", "redis://user:secret@host:6379\n",
		"redis://host/1?addr=host2:6379", "redis://host?addr=secret", "redis://host?addr=host2:6379&db=1",
		"redis://host?addr=host2:6379&skip_verify=true",
		"unix:///run/redis.sock?addr=host2:6379", "redis://host?username=secret", "redis://host?password=secret",
		"redis://host?master_name=", "redis://host?master_name=mine&addr=secret",
		"unix:///run/redis.sock?master_name=mine",
	} {
		err := redis.CheckURL(bad)
		require.Error(t, err, bad)
		require.Contains(t, err.Error(), "redis://[user:password@]host:port", bad)
		require.NotContains(t, err.Error(), "secret", bad)
		_, opened := redis.Open(redis.Options{URL: bad})
		require.Equal(t, err, opened, bad)
	}
}
