package storagetest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
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

// volatileCase is a rule for volatile stores, with the rule as its name.
type volatileCase struct {
	name string
	run  func(t *testing.T, f volatileFixture)
}

// RunVolatile tests a volatile store. open returns an empty one, and a function that advances its clock.
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
	rate, used := identity.Rate{Key: "rate", Uses: 1, Period: time.Hour}, identity.Rate{Key: "used", Uses: 1,
		Period: time.Hour}
	f.requireAll(t, []identity.Rate{used})
	ctx := canceled(t)
	for name, call := range map[string]func() error{
		"Put":         func() error { return f.Put(ctx, "key", []byte("other"), time.Hour) },
		"Get":         func() error { _, err := f.Get(ctx, "key"); return err },
		"GetAll":      func() error { _, err := f.GetAll(ctx, "key", "absent"); return err },
		"Take":        func() error { _, err := f.Take(ctx, "key"); return err },
		"PutIfAbsent": func() error { _, err := f.PutIfAbsent(ctx, "absent", []byte("other"), time.Hour); return err },
		"AllowAll":    func() error { _, _, err := f.AllowAll(ctx, "group", rate); return err },
		"GiveBack":    func() error { return f.GiveBack(ctx, "group", used) },
	} {
		require.ErrorIs(t, call(), context.Canceled, name)
	}
	f.requireValue(t, "key", "value")
	f.requireNothing(t, "absent")
	f.requireAllowed(t, "rate", 1, time.Hour)
	f.requireRefused(t, "used", 1, time.Hour)
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

// requireNothingOrRefused is for keys that a store may reject.
func (f volatileFixture) requireNothingOrRefused(t *testing.T, key string) {
	t.Helper()
	_, err := f.Get(t.Context(), key)
	require.Error(t, err, "%q", key)
	_, err = f.Take(t.Context(), key)
	require.Error(t, err, "%q", key)
}

// values returns the test cases of identity.Volatile, except those of rates.
func values() []volatileCase {
	return []volatileCase{
		{"a value is stored until it expires", valueExpires},
		{"a value put again replaces the old one and its lifetime", valueIsReplaced},
		{"a stored value is a copy", valueIsCopied},
		{"several values come in the order of their keys", valuesAreInOrder},
		{"any bytes can be a value", anyValue},
		{"any text is a distinct key or rejected", anyKey},
		{"a key or value that is too large is rejected", tooLarge},
		{"a value without a time to live is not stored", noTimeToLive},
		{"one of several parallel takers gets the value", parallelTakes},
		{"a value that was taken is gone", takenIsGone},
		{"one of several parallel PutIfAbsent calls stores its value", parallelPuts},
		{"an expired or taken value is absent", absentAgain},
		{"a rejected PutIfAbsent changes nothing", refusedPut},
		{"an ended context prevents reads and writes", volatileContext},
	}
}

func valueExpires(t *testing.T, f volatileFixture) {
	f.requireNothing(t, "key")
	f.put(t, "key", "value", time.Hour)
	f.put(t, "longer", "value", 2*time.Hour)
	f.advance(59 * time.Minute)
	f.requireValue(t, "key", "value")
	f.requireValue(t, "key", "value")
	f.advance(time.Minute)
	f.requireNothing(t, "key")
	f.requireValue(t, "longer", "value")
}

func valueIsReplaced(t *testing.T, f volatileFixture) {
	f.put(t, "key", "first", time.Hour)
	f.advance(50 * time.Minute)
	f.put(t, "key", "second", time.Hour)
	f.advance(50 * time.Minute)
	f.requireValue(t, "key", "second")
	f.put(t, "key", "third", time.Minute) // sooner than before
	f.advance(time.Minute)
	f.requireNothing(t, "key")
}

func valueIsCopied(t *testing.T, f volatileFixture) {
	value := []byte("value")
	require.NoError(t, f.Put(t.Context(), "key", value, time.Hour))
	kept, err := f.PutIfAbsent(t.Context(), "absent", value, time.Hour)
	require.NoError(t, err)
	require.True(t, kept)
	value[0] = 'X'
	got, err := f.Get(t.Context(), "key")
	require.NoError(t, err)
	got[0] = 'Y'
	f.requireValue(t, "key", "value")
	f.requireValue(t, "absent", "value")
}

func valuesAreInOrder(t *testing.T, f volatileFixture) {
	f.put(t, "a", "1", time.Hour)
	f.put(t, "b", "2", time.Minute)
	f.put(t, "empty", "", time.Hour)
	requireAll := func(keys []string, want ...[]byte) {
		t.Helper()
		values, err := f.GetAll(t.Context(), keys...)
		require.NoError(t, err)
		require.Equal(t, want, values)
	}
	requireAll([]string{"b", "absent", "empty", "a", "b"}, []byte("2"), nil, []byte{}, []byte("1"), []byte("2"))
	f.advance(time.Minute)
	requireAll([]string{"a", "b"}, []byte("1"), nil)
	values, err := f.GetAll(t.Context(), "a")
	require.NoError(t, err)
	values[0][0] = 'X'
	requireAll([]string{"a"}, []byte("1"))
	values, err = f.GetAll(t.Context())
	require.NoError(t, err)
	require.Empty(t, values)
	_, err = f.GetAll(t.Context(), "a", strings.Repeat("k", 257))
	require.Error(t, err)
}

func anyValue(t *testing.T, f volatileFixture) {
	for _, value := range []string{"", "\x00", "\xff\xfe", "12", strings.Repeat("\x00", 64<<10)} {
		f.put(t, "key", value, time.Hour)
		f.requireValue(t, "key", value)
		taken, err := f.Take(t.Context(), "key")
		require.NoError(t, err)
		require.Equal(t, value, string(taken))
	}
	require.NoError(t, f.Put(t.Context(), "key", nil, time.Hour))
	f.requireValue(t, "key", "")
}

func anyKey(t *testing.T, f volatileFixture) {
	kept := map[string]string{"innocent": "innocent"}
	f.put(t, "innocent", "innocent", time.Hour)
	for n, text := range append(texts(), "", strings.Repeat("k", 256)) {
		for _, key := range []string{text, "innocent" + text} {
			if _, taken := kept[key]; taken {
				continue // "innocent" and an empty text
			}
			f.requireNothingOrRefused(t, key)
			value := fmt.Sprint(n, len(key))
			if f.Put(t.Context(), key, []byte(value), time.Hour) == nil {
				kept[key] = value
			}
			_, _, err := f.AllowAll(t.Context(), key, identity.Rate{Key: key, Uses: 1, Period: time.Hour})
			require.True(t, err == nil || len(key) > 128 || kept[key] == "", "%q", key)
		}
	}
	for key, value := range kept {
		f.requireValue(t, key, value)
	}
}

func tooLarge(t *testing.T, f volatileFixture) {
	long := strings.Repeat("k", 257)
	require.Error(t, f.Put(t.Context(), long, []byte("value"), time.Hour))
	_, err := f.PutIfAbsent(t.Context(), long, []byte("value"), time.Hour)
	require.Error(t, err)
	for _, group := range []string{"", long[:128]} {
		_, _, err = f.AllowAll(t.Context(), group, identity.Rate{Key: long[len(group):], Uses: 1, Period: time.Hour})
		require.Error(t, err)
	}
	f.requireNothingOrRefused(t, long)

	large := bytes.Repeat([]byte{1}, 64<<10+1)
	require.Error(t, f.Put(t.Context(), "key", large, time.Hour))
	_, err = f.PutIfAbsent(t.Context(), "key", large, time.Hour)
	require.Error(t, err)
	f.requireNothing(t, "key")
}

// noTimeToLive: a caller's arithmetic must not make a value permanent, as Redis does without a time to live.
func noTimeToLive(t *testing.T, f volatileFixture) {
	for _, ttl := range []time.Duration{0, -time.Nanosecond, -time.Hour} {
		_ = f.Put(t.Context(), "key", []byte("value"), ttl) // rejected or already expired
		f.requireNothing(t, "key")
		_, _ = f.PutIfAbsent(t.Context(), "key", []byte("value"), ttl)
		f.requireNothing(t, "key")
	}
	f.put(t, "key", "value", time.Nanosecond) // stored as briefly as possible
	f.advance(time.Second)
	f.requireNothing(t, "key")
}

func parallelTakes(t *testing.T, f volatileFixture) {
	for range 50 {
		f.put(t, "key", "value", time.Hour)
		requireOneWinner(t, inParallel(callers, func(int) won {
			value, err := f.Take(t.Context(), "key")
			if err == nil && string(value) != "value" {
				err = fmt.Errorf("took %q", value)
			}
			return wonUnless(err, identity.ErrNotFound)
		}))
	}
}

func takenIsGone(t *testing.T, f volatileFixture) {
	f.put(t, "key", "value", time.Hour)
	taken, err := f.Take(t.Context(), "key")
	require.NoError(t, err)
	require.Equal(t, "value", string(taken))
	f.requireNothing(t, "key")
	f.put(t, "key", "again", time.Hour)
	f.requireValue(t, "key", "again")
}

func parallelPuts(t *testing.T, f volatileFixture) {
	for round := range 50 {
		key := fmt.Sprint("key ", round)
		winner := requireOneWinner(t, inParallel(callers, func(n int) (kept won) {
			kept.won, kept.err = f.PutIfAbsent(t.Context(), key, fmt.Append(nil, n), time.Hour)
			return kept
		}))
		f.requireValue(t, key, fmt.Sprint(winner))
	}
}

func absentAgain(t *testing.T, f volatileFixture) {
	for _, lose := range []func(){
		func() { f.advance(time.Hour) },
		func() { _, _ = f.Take(t.Context(), "key") },
	} {
		kept, err := f.PutIfAbsent(t.Context(), "key", []byte("value"), time.Hour)
		require.NoError(t, err)
		require.True(t, kept)
		lose()
		f.requireNothing(t, "key")
	}
}

func refusedPut(t *testing.T, f volatileFixture) {
	f.put(t, "key", "first", time.Hour)
	f.advance(50 * time.Minute)
	kept, err := f.PutIfAbsent(t.Context(), "key", []byte("second"), time.Hour)
	require.NoError(t, err)
	require.False(t, kept)
	f.requireValue(t, "key", "first")
	f.advance(10 * time.Minute)
	f.requireNothing(t, "key") // nor was its lifetime extended
}
