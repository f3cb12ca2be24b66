package storagetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// larder is a volatile store under test, and its clock.
type larder struct {
	identity.Volatile
	advance func(time.Duration)
}

// volatileTrial is one thing that must hold.
type volatileTrial struct {
	must string
	hold func(t *testing.T, l larder)
}

// RunVolatile tests a volatile store. open returns an empty one, and a function that moves its clock forward.
func RunVolatile(t *testing.T, open func(t *testing.T) (identity.Volatile, func(time.Duration))) {
	for _, trial := range append(values(), rates()...) {
		t.Run(trial.must, func(t *testing.T) {
			var l larder
			l.Volatile, l.advance = open(t)
			trial.hold(t, l)
		})
	}
}

func volatileContext(t *testing.T, l larder) {
	l.put(t, "key", "value", time.Hour)
	ctx := cancelled(t)
	for name, call := range map[string]func() error{
		"Put":         func() error { return l.Put(ctx, "key", []byte("other"), time.Hour) },
		"Get":         func() error { _, err := l.Get(ctx, "key"); return err },
		"Take":        func() error { _, err := l.Take(ctx, "key"); return err },
		"PutIfAbsent": func() error { _, err := l.PutIfAbsent(ctx, "absent", []byte("other"), time.Hour); return err },
		"Allow":       func() error { _, err := l.Allow(ctx, "rate", 1, time.Hour); return err },
	} {
		require.ErrorIs(t, call(), context.Canceled, name)
	}
	l.requireValue(t, "key", "value")
	l.requireNothing(t, "absent")
	l.requireAllowed(t, "rate", 1, time.Hour)
}

func (l larder) put(t *testing.T, key, value string, ttl time.Duration) {
	t.Helper()
	require.NoError(t, l.Put(t.Context(), key, []byte(value), ttl))
}

func (l larder) requireValue(t *testing.T, key, want string) {
	t.Helper()
	got, err := l.Get(t.Context(), key)
	require.NoError(t, err, "%q", key)
	require.Equal(t, want, string(got))
}

func (l larder) requireNothing(t *testing.T, key string) {
	t.Helper()
	_, err := l.Get(t.Context(), key)
	require.ErrorIs(t, err, identity.ErrNotFound, "%q", key)
	_, err = l.Take(t.Context(), key)
	require.ErrorIs(t, err, identity.ErrNotFound, "%q", key)
}

// requireNothingOrRefused is for keys that a store need not take.
func (l larder) requireNothingOrRefused(t *testing.T, key string) {
	t.Helper()
	_, err := l.Get(t.Context(), key)
	require.Error(t, err, "%q", key)
	_, err = l.Take(t.Context(), key)
	require.Error(t, err, "%q", key)
}
