package keys

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	firstRSA  = sync.OnceValue(mustGenerateRSA)
	secondRSA = sync.OnceValue(mustGenerateRSA)
	start     = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
)

func mustGenerateRSA() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, signingBits)
	if err != nil {
		panic(err)
	}
	return key
}

// entry is a master key whose bytes are all alike.
func entry(id string, fill byte) string {
	return id + ":" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(fill)), masterKeySize)))
}

func newRing(t testing.TB, entries ...string) *Ring {
	t.Helper()
	ring, err := ParseRing(strings.Join(entries, ","))
	require.NoError(t, err)
	return ring
}

// memoryStore is a Store that behaves like a table with a unique key.
type memoryStore struct {
	mutex   sync.Mutex
	records []Record
	err     error
}

func (s *memoryStore) Keys(context.Context) ([]Record, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]Record(nil), s.records...), s.err
}

func (s *memoryStore) AddKey(_ context.Context, record Record) (bool, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, r := range s.records {
		if r.Purpose == record.Purpose && r.Sequence == record.Sequence {
			return false, nil
		}
	}
	s.records = append(s.records, record)
	return true, nil
}

// options sets the clock and spares the making of keys.
func options(now time.Time, key func() *rsa.PrivateKey) Options {
	return Options{
		Now:         func() time.Time { return now },
		generateRSA: func() (*rsa.PrivateKey, error) { return key(), nil },
	}
}

func newTestSet(t testing.TB) *Set {
	t.Helper()
	set, err := Load(t.Context(), &memoryStore{}, newRing(t, entry("k1", 'a')), options(start, firstRSA))
	require.NoError(t, err)
	return set
}

// stored makes a record of a signing key with its instants.
func stored(t testing.TB, ring *Ring, sequence int, key *rsa.PrivateKey, instants Record) Record {
	t.Helper()
	record, err := newRecord(Signing, ring, options(start, func() *rsa.PrivateKey { return key }))
	require.NoError(t, err)
	instants.Purpose, instants.Sequence, instants.ID, instants.Sealed = Signing, sequence, record.ID, record.Sealed
	return instants
}

// storedSecret makes a record of a refresh secret with its instants.
func storedSecret(t testing.TB, ring *Ring, sequence int, instants Record) Record {
	t.Helper()
	record, err := newRecord(Refresh, ring, options(start, firstRSA))
	require.NoError(t, err)
	instants.Purpose, instants.Sequence, instants.ID, instants.Sealed = Refresh, sequence, record.ID, record.Sealed
	return instants
}
