package storagetest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// values are the trials of all that identity.Volatile does but Allow.
func values() []volatileTrial {
	return []volatileTrial{
		{"a value is kept until its time is over", valueExpires},
		{"a value put again replaces the old one and lives anew", valueIsReplaced},
		{"a value is the store's own", valueIsCopied},
		{"any bytes are a value", anyValue},
		{"any text is a key of its own or refused", anyKey},
		{"what is too large is refused", tooLarge},
		{"no time to live keeps nothing", noTimeToLive},
		{"of parallel takers one gets the value", parallelTakes},
		{"what was taken is gone", takenIsGone},
		{"of parallel first puts one is kept", parallelPuts},
		{"an expired or taken value is absent", absentAgain},
		{"a refused first put changes nothing", refusedPut},
		{"an ended context keeps from answering and writing", volatileContext},
	}
}

func valueExpires(t *testing.T, l larder) {
	l.requireNothing(t, "key")
	l.put(t, "key", "value", time.Hour)
	l.put(t, "longer", "value", 2*time.Hour)
	l.advance(59 * time.Minute)
	l.requireValue(t, "key", "value")
	l.requireValue(t, "key", "value")
	l.advance(time.Minute)
	l.requireNothing(t, "key")
	l.requireValue(t, "longer", "value")
}

func valueIsReplaced(t *testing.T, l larder) {
	l.put(t, "key", "first", time.Hour)
	l.advance(50 * time.Minute)
	l.put(t, "key", "second", time.Hour)
	l.advance(50 * time.Minute)
	l.requireValue(t, "key", "second")
	l.put(t, "key", "third", time.Minute) // sooner than before
	l.advance(time.Minute)
	l.requireNothing(t, "key")
}

func valueIsCopied(t *testing.T, l larder) {
	value := []byte("value")
	require.NoError(t, l.Put(t.Context(), "key", value, time.Hour))
	kept, err := l.PutIfAbsent(t.Context(), "absent", value, time.Hour)
	require.NoError(t, err)
	require.True(t, kept)
	value[0] = 'X'
	got, err := l.Get(t.Context(), "key")
	require.NoError(t, err)
	got[0] = 'Y'
	l.requireValue(t, "key", "value")
	l.requireValue(t, "absent", "value")
}

func anyValue(t *testing.T, l larder) {
	for _, value := range []string{"", "\x00", "\xff\xfe", "12", strings.Repeat("\x00", 64<<10)} {
		l.put(t, "key", value, time.Hour)
		l.requireValue(t, "key", value)
		taken, err := l.Take(t.Context(), "key")
		require.NoError(t, err)
		require.Equal(t, value, string(taken))
	}
	require.NoError(t, l.Put(t.Context(), "key", nil, time.Hour))
	l.requireValue(t, "key", "")
}

func anyKey(t *testing.T, l larder) {
	kept := map[string]string{"innocent": "innocent"}
	l.put(t, "innocent", "innocent", time.Hour)
	for n, text := range append(texts(), "", strings.Repeat("k", 256)) {
		for _, key := range []string{text, "innocent" + text} {
			if _, taken := kept[key]; taken {
				continue // "innocent" and an empty text
			}
			l.requireNothingOrRefused(t, key)
			value := fmt.Sprint(n, len(key))
			if l.Put(t.Context(), key, []byte(value), time.Hour) == nil {
				kept[key] = value
			}
			_, err := l.Allow(t.Context(), "rate/"+key, 1, time.Hour)
			require.True(t, err == nil || len(key) > 250 || kept[key] == "", "%q", key)
		}
	}
	for key, value := range kept {
		l.requireValue(t, key, value)
	}
}

func tooLarge(t *testing.T, l larder) {
	long := strings.Repeat("k", 257)
	require.Error(t, l.Put(t.Context(), long, []byte("value"), time.Hour))
	_, err := l.PutIfAbsent(t.Context(), long, []byte("value"), time.Hour)
	require.Error(t, err)
	_, err = l.Allow(t.Context(), long, 1, time.Hour)
	require.Error(t, err)
	l.requireNothingOrRefused(t, long)

	large := bytes.Repeat([]byte{1}, 64<<10+1)
	require.Error(t, l.Put(t.Context(), "key", large, time.Hour))
	_, err = l.PutIfAbsent(t.Context(), "key", large, time.Hour)
	require.Error(t, err)
	l.requireNothing(t, "key")
}

// noTimeToLive keeps a caller's arithmetic from making a value immortal, which is what Redis makes of no time to live.
func noTimeToLive(t *testing.T, l larder) {
	for _, ttl := range []time.Duration{0, -time.Nanosecond, -time.Hour} {
		_ = l.Put(t.Context(), "key", []byte("value"), ttl) // refused or over already
		l.requireNothing(t, "key")
		_, _ = l.PutIfAbsent(t.Context(), "key", []byte("value"), ttl)
		l.requireNothing(t, "key")
	}
	l.put(t, "key", "value", time.Nanosecond) // kept as shortly as the store can
	l.advance(time.Second)
	l.requireNothing(t, "key")
}

func parallelTakes(t *testing.T, l larder) {
	for range 50 {
		l.put(t, "key", "value", time.Hour)
		requireOneWinner(t, together(crowd, func(int) won {
			value, err := l.Take(t.Context(), "key")
			if err == nil && string(value) != "value" {
				err = fmt.Errorf("took %q", value)
			}
			return wonUnless(err, identity.ErrNotFound)
		}))
	}
}

func takenIsGone(t *testing.T, l larder) {
	l.put(t, "key", "value", time.Hour)
	taken, err := l.Take(t.Context(), "key")
	require.NoError(t, err)
	require.Equal(t, "value", string(taken))
	l.requireNothing(t, "key")
	l.put(t, "key", "again", time.Hour)
	l.requireValue(t, "key", "again")
}

func parallelPuts(t *testing.T, l larder) {
	for round := range 50 {
		key := fmt.Sprint("key ", round)
		winner := requireOneWinner(t, together(crowd, func(n int) (kept won) {
			kept.won, kept.err = l.PutIfAbsent(t.Context(), key, fmt.Append(nil, n), time.Hour)
			return kept
		}))
		l.requireValue(t, key, fmt.Sprint(winner))
	}
}

func absentAgain(t *testing.T, l larder) {
	for _, lose := range []func(){
		func() { l.advance(time.Hour) },
		func() { _, _ = l.Take(t.Context(), "key") },
	} {
		kept, err := l.PutIfAbsent(t.Context(), "key", []byte("value"), time.Hour)
		require.NoError(t, err)
		require.True(t, kept)
		lose()
		l.requireNothing(t, "key")
	}
}

func refusedPut(t *testing.T, l larder) {
	l.put(t, "key", "first", time.Hour)
	l.advance(50 * time.Minute)
	kept, err := l.PutIfAbsent(t.Context(), "key", []byte("second"), time.Hour)
	require.NoError(t, err)
	require.False(t, kept)
	l.requireValue(t, "key", "first")
	l.advance(10 * time.Minute)
	l.requireNothing(t, "key") // it did not live anew either
}
