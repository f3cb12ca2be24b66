package server

import (
	"context"
	"fmt"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/memory"
	"github.com/lingpai/lingpai/storage/redis"
)

// Volatile is a volatile store that may be on another machine.
type Volatile interface {
	identity.Volatile
	Ping(ctx context.Context) error
	Close() error
}

// OpenVolatile opens the store of what may be lost. It does not connect: without Redis, sessions go on.
func OpenVolatile(s settings.Settings) (Volatile, error) { return openVolatile(s, time.Now) }

func openVolatile(s settings.Settings, now func() time.Time) (Volatile, error) {
	if s.RedisURL == "" {
		return ownMemory{memory.New(memory.Options{Now: now})}, nil
	}
	store, err := redis.Open(redis.Options{URL: s.RedisURL.Reveal(), KeyPrefix: s.RedisKeyPrefix})
	if err != nil {
		return nil, fmt.Errorf("redis.url: %w", err)
	}
	return store, nil
}

// ownMemory is the volatile store of a process that is alone.
type ownMemory struct{ *memory.Store }

// Ping implements Volatile.
func (ownMemory) Ping(context.Context) error { return nil }

// Close implements Volatile.
func (ownMemory) Close() error { return nil }
