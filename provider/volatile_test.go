package provider_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// breakable is a volatile store that tests can break.
type breakable struct {
	identity.Volatile
	broken atomic.Bool
	calls  lockedBuffer        // the names of the methods that were called
	before func(method string) // is called before AllowAll and GiveBack; nil: nothing
}

func (b *breakable) call(method string) {
	_, _ = b.calls.Write([]byte(method + "\n"))
	if b.before != nil {
		b.before(method)
	}
}

// called returns the names of the methods that were called since the last time.
func (b *breakable) called() []string {
	names := strings.Fields(b.calls.String())
	b.calls.Reset()
	slices.Sort(names)
	return names
}

var errBroken = errors.New("the volatile store is unreachable")

func (b *breakable) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	_, _ = b.calls.Write([]byte("Put\n"))
	if b.broken.Load() {
		return errBroken
	}
	return b.Volatile.Put(ctx, key, value, ttl)
}

func (b *breakable) Get(ctx context.Context, key string) ([]byte, error) {
	_, _ = b.calls.Write([]byte("Get\n"))
	if b.broken.Load() {
		return nil, errBroken
	}
	return b.Volatile.Get(ctx, key)
}

func (b *breakable) GetAll(ctx context.Context, keys ...string) ([][]byte, error) {
	_, _ = b.calls.Write([]byte("GetAll\n"))
	if b.broken.Load() {
		return nil, errBroken
	}
	return b.Volatile.GetAll(ctx, keys...)
}

func (b *breakable) Take(ctx context.Context, key string) ([]byte, error) {
	_, _ = b.calls.Write([]byte("Take\n"))
	if b.broken.Load() {
		return nil, errBroken
	}
	return b.Volatile.Take(ctx, key)
}

func (b *breakable) PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	_, _ = b.calls.Write([]byte("PutIfAbsent\n"))
	if b.broken.Load() {
		return false, errBroken
	}
	return b.Volatile.PutIfAbsent(ctx, key, value, ttl)
}

func (b *breakable) AllowAll(ctx context.Context, group string, rates ...identity.Rate) (time.Duration, int, error) {
	b.call("AllowAll")
	if b.broken.Load() {
		return 0, 0, errBroken
	}
	return b.Volatile.AllowAll(ctx, group, rates...)
}

func (b *breakable) GiveBack(ctx context.Context, group string, rates ...identity.Rate) error {
	b.call("GiveBack")
	if b.broken.Load() {
		return errBroken
	}
	return b.Volatile.GiveBack(ctx, group, rates...)
}
