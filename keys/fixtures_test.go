package keys

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	firstRSA  = sync.OnceValue(mustGenerateRSA)
	secondRSA = sync.OnceValue(mustGenerateRSA)
	spareRSA  = sync.OnceValue(mustGenerateRSA)
	lastRSA   = sync.OnceValue(mustGenerateRSA)
	start     = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
)

func mustGenerateRSA() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, signingBits)
	if err != nil {
		panic(err)
	}
	return key
}

// entry returns a master key of equal bytes.
func entry(id string, fill byte) string {
	return id + ":" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(fill)), masterKeySize)))
}

func newRing(t testing.TB, entries ...string) *Ring {
	t.Helper()
	ring, err := ParseRing(strings.Join(entries, ","))
	require.NoError(t, err)
	return ring
}

// load opens the keys of a store and returns the current set.
func load(ctx context.Context, store Store, ring *Ring, options Options) (*Set, error) {
	keeper, err := Open(ctx, store, ring, options)
	if err != nil {
		return nil, err
	}
	return keeper.Current(), nil
}

// memoryStore is a Store that behaves like a table with a unique key.
type memoryStore struct {
	mutex   sync.Mutex
	records []Record
	err     error
	now     time.Time // zero: start
	live    bool      // use the real clock
	updates int       // number of updates with changes
	unique  bool      // reject repeated ids, like a database; off if keys come from a small pool
	lost    bool      // write the update but return an error
}

func (s *memoryStore) Keys(context.Context) ([]Record, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]Record(nil), s.records...), s.err
}

func (s *memoryStore) Update(_ context.Context, plan func(time.Time, []Record) (Change, error)) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	change, err := plan(s.clock(), append([]Record(nil), s.records...))
	if err != nil || s.err != nil {
		return errors.Join(err, s.err)
	}
	for _, changed := range change.Records {
		if slices.ContainsFunc(s.records, func(r Record) bool {
			return r.ID == changed.ID &&
				r.Sequence != changed.Sequence && s.unique
		}) {
			return errors.New("ids are unique")
		}
		n := slices.IndexFunc(s.records, func(r Record) bool {
			return r.Purpose == changed.Purpose &&
				r.Sequence == changed.Sequence
		})
		if n < 0 {
			s.records = append(s.records, changed)
		} else {
			s.records[n] = changed
		}
	}
	s.updates += min(len(change.Records), 1)
	if s.lost {
		return errors.New("the connection is lost")
	}
	return nil
}

func (s *memoryStore) clock() time.Time {
	switch {
	case s.live:
		return time.Now()
	case s.now.IsZero():
		return start
	}
	return s.now
}

// options sets the clock and avoids generating keys: the first key is from the function, later ones are spare ones.
func options(now time.Time, key func() *rsa.PrivateKey) Options {
	made := 0
	return Options{
		Now: func() time.Time { return now },
		generateRSA: func() (*rsa.PrivateKey, error) {
			if made++; made > 1 {
				return lastRSA(), nil
			}
			return key(), nil
		},
	}
}

func newTestSet(t testing.TB) *Set {
	t.Helper()
	set, err := load(t.Context(), &memoryStore{}, newRing(t, entry("k1", 'a')), options(start, firstRSA))
	require.NoError(t, err)
	return set
}

// stored returns a record of a signing key with the given times.
func stored(t testing.TB, ring *Ring, sequence int, key *rsa.PrivateKey, instants Record) Record {
	t.Helper()
	made, err := newMaker(ring, options(start, func() *rsa.PrivateKey { return key })).again()(Signing)
	require.NoError(t, err)
	instants.Purpose, instants.Sequence, instants.ID, instants.Sealed = Signing, sequence, made.ID, made.Sealed
	return instants
}

// storedSecret returns a record of a refresh secret with the given times.
func storedSecret(t testing.TB, ring *Ring, sequence int, instants Record) Record {
	t.Helper()
	made, err := newMaker(ring, options(start, firstRSA)).again()(Refresh)
	require.NoError(t, err)
	instants.Purpose, instants.Sequence, instants.ID, instants.Sealed = Refresh, sequence, made.ID, made.Sealed
	return instants
}
