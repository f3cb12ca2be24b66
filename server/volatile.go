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

// Volatile is a volatile store that may be on another machine. Closing it closes its connections.
type Volatile interface {
	identity.Volatile
	Ping(ctx context.Context) error          // whether it answers
	CheckWritable(ctx context.Context) error // whether it can count and store
	Close() error
}

// OpenVolatile opens the volatile store. It does not connect, since existing sessions work without Redis.
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

// ownMemory is the volatile store of a single process.
type ownMemory struct{ *memory.Store }

// Ping implements Volatile.
func (ownMemory) Ping(context.Context) error { return nil }

// CheckWritable implements Volatile.
func (ownMemory) CheckWritable(context.Context) error { return nil }

// Close implements Volatile.
func (ownMemory) Close() error { return nil }
