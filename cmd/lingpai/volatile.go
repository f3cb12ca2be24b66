package main

import (
	"context"
	"fmt"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/memory"
	"github.com/lingpai/lingpai/storage/redis"
)

// volatileStore is a volatile store that may be somewhere else.
type volatileStore interface {
	identity.Volatile
	Ping(ctx context.Context) error
	Close() error
}

// openVolatile opens the store of what may be lost. It does not connect: without Redis, sessions go on.
func openVolatile(c config) (volatileStore, error) {
	if c.RedisURL == "" {
		return ownMemory{memory.New(memory.Options{})}, nil
	}
	store, err := redis.Open(redis.Options{URL: c.RedisURL.Reveal(), KeyPrefix: c.RedisKeyPrefix})
	if err != nil {
		return nil, fmt.Errorf("redis.url: %w", err)
	}
	return store, nil
}

// ownMemory is the volatile store of a process that is alone.
type ownMemory struct{ *memory.Store }

// Ping implements volatileStore.
func (ownMemory) Ping(context.Context) error { return nil }

// Close implements volatileStore.
func (ownMemory) Close() error { return nil }
