package storagetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// volatileFixture is a volatile store under test, and its clock.
type volatileFixture struct {
	identity.Volatile
	advance func(time.Duration)
}

// volatileCase is one thing that a volatile store must do; its name says what.
type volatileCase struct {
	name string
	run  func(t *testing.T, f volatileFixture)
}

// RunVolatile tests a volatile store. open returns an empty one, and a function that moves its clock forward.
func RunVolatile(t *testing.T, open func(t *testing.T) (identity.Volatile, func(time.Duration))) {
	for _, c := range append(values(), rates()...) {
		t.Run(c.name, func(t *testing.T) {
			var f volatileFixture
			f.Volatile, f.advance = open(t)
			c.run(t, f)
		})
	}
}

func volatileContext(t *testing.T, f volatileFixture) {
	f.put(t, "key", "value", time.Hour)
	ctx := cancelled(t)
	for name, call := range map[string]func() error{
		"Put":         func() error { return f.Put(ctx, "key", []byte("other"), time.Hour) },
		"Get":         func() error { _, err := f.Get(ctx, "key"); return err },
		"Take":        func() error { _, err := f.Take(ctx, "key"); return err },
		"PutIfAbsent": func() error { _, err := f.PutIfAbsent(ctx, "absent", []byte("other"), time.Hour); return err },
		"Allow":       func() error { _, err := f.Allow(ctx, "rate", 1, time.Hour); return err },
	} {
		require.ErrorIs(t, call(), context.Canceled, name)
	}
	f.requireValue(t, "key", "value")
	f.requireNothing(t, "absent")
	f.requireAllowed(t, "rate", 1, time.Hour)
}

func (f volatileFixture) put(t *testing.T, key, value string, ttl time.Duration) {
	t.Helper()
	require.NoError(t, f.Put(t.Context(), key, []byte(value), ttl))
}

func (f volatileFixture) requireValue(t *testing.T, key, want string) {
	t.Helper()
	got, err := f.Get(t.Context(), key)
	require.NoError(t, err, "%q", key)
	require.Equal(t, want, string(got))
}

func (f volatileFixture) requireNothing(t *testing.T, key string) {
	t.Helper()
	_, err := f.Get(t.Context(), key)
	require.ErrorIs(t, err, identity.ErrNotFound, "%q", key)
	_, err = f.Take(t.Context(), key)
	require.ErrorIs(t, err, identity.ErrNotFound, "%q", key)
}

// requireNothingOrRefused is for keys that a store need not take.
func (f volatileFixture) requireNothingOrRefused(t *testing.T, key string) {
	t.Helper()
	_, err := f.Get(t.Context(), key)
	require.Error(t, err, "%q", key)
	_, err = f.Take(t.Context(), key)
	require.Error(t, err, "%q", key)
}
