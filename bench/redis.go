package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

const (
	redisVariable = "LINGPAI_TEST_REDIS"
	redisUsual    = "redis://127.0.0.1:6379"
)

// redisKeys are the keys of one server in a Redis that others may use too.
type redisKeys struct {
	url, prefix string
	client      *redis.Client
}

// openRedis looks whether there is a Redis. The caller removes the keys.
func openRedis(ctx context.Context, name string) (*redisKeys, error) {
	logging.Disable()
	k := &redisKeys{url: cmp.Or(os.Getenv(redisVariable), redisUsual), prefix: name + ":"}
	options, err := redis.ParseURL(k.url)
	if err != nil {
		return nil, errors.New(redisVariable + " is not the URL of a Redis")
	}
	k.client = redis.NewClient(options)
	if err := k.client.Ping(ctx).Err(); err != nil {
		return nil, errors.Join(fmt.Errorf(
			"no Redis, which several servers over one PostgreSQL share; start one, or name one as %s: %w",
			redisVariable, err), k.client.Close())
	}
	return k, nil
}

func (k *redisKeys) environment() []string {
	return []string{"LINGPAI_REDIS_URL=" + k.url, "LINGPAI_REDIS_KEY_PREFIX=" + k.prefix}
}

// remove deletes the keys and disconnects.
func (k *redisKeys) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	found := k.client.Scan(ctx, 0, k.prefix+"*", 1000).Iterator()
	var faults []error
	for found.Next(ctx) {
		faults = append(faults, k.client.Unlink(ctx, found.Val()).Err())
	}
	return errors.Join(append(faults, found.Err(), k.client.Close())...)
}
