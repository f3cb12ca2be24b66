package provider_test

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// breakable is a volatile store that tests can break.
type breakable struct {
	identity.Volatile
	broken atomic.Bool
}

var errBroken = errors.New("the volatile store is unreachable")

func (b *breakable) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if b.broken.Load() {
		return errBroken
	}
	return b.Volatile.Put(ctx, key, value, ttl)
}

func (b *breakable) Get(ctx context.Context, key string) ([]byte, error) {
	if b.broken.Load() {
		return nil, errBroken
	}
	return b.Volatile.Get(ctx, key)
}

func (b *breakable) Take(ctx context.Context, key string) ([]byte, error) {
	if b.broken.Load() {
		return nil, errBroken
	}
	return b.Volatile.Take(ctx, key)
}

func (b *breakable) PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	if b.broken.Load() {
		return false, errBroken
	}
	return b.Volatile.PutIfAbsent(ctx, key, value, ttl)
}

func (b *breakable) AllowAll(ctx context.Context, group string, rates ...identity.Rate) (time.Duration, int, error) {
	if b.broken.Load() {
		return 0, 0, errBroken
	}
	return b.Volatile.AllowAll(ctx, group, rates...)
}

func (b *breakable) GiveBack(ctx context.Context, group string, rates ...identity.Rate) error {
	if b.broken.Load() {
		return errBroken
	}
	return b.Volatile.GiveBack(ctx, group, rates...)
}
