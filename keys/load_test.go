package keys

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLoadMakesFirstKeys(t *testing.T) {
	store, ring := &memoryStore{}, newRing(t, entry("k1", 'a'))
	now := start.Add(123456 * time.Nanosecond)
	set, err := load(t.Context(), store, ring, options(now, firstRSA))
	require.NoError(t, err)
	require.Len(t, store.records, 4)
	for _, record := range store.records {
		require.Equal(t, start, record.AnnouncedAt, "stores keep milliseconds, and must not round into the future")
		require.Zero(t, record.RetiredAt)
	}
	require.Equal(t, []Info{
		{Signing, 2, store.records[1].ID, Announced, "k1", start, start, time.Time{}, time.Time{}, time.Time{}},
		{Signing, 1, store.records[0].ID, Active, "k1", start, start, start, time.Time{}, time.Time{}},
		{Refresh, 2, store.records[3].ID, Announced, "k1", start, start, time.Time{}, time.Time{}, time.Time{}},
		{Refresh, 1, store.records[2].ID, Active, "k1", start, start, start, time.Time{}, time.Time{}},
	}, Describe(store.records, start))
	t.Run("and finds them again without making another", func(t *testing.T) {
		again, err := load(t.Context(), store, ring, Options{
			Now:         func() time.Time { return start.Add(time.Hour) },
			generateRSA: func() (*rsa.PrivateKey, error) { panic("made an RSA key") },
		})
		require.NoError(t, err)
		require.Len(t, store.records, 4)
		requireSameKeys(t, set, again)
	})
	t.Run("also with a clock that is behind", func(t *testing.T) {
		again, err := load(t.Context(), store, ring, options(start.Add(-time.Minute), secondRSA))
		require.NoError(t, err)
		requireSameKeys(t, set, again)
	})
}

func TestLoadMakesRealKey(t *testing.T) {
	set, err := load(t.Context(), &memoryStore{}, newRing(t, entry("k1", 'a')), Options{Now: time.Now})
	require.NoError(t, err)
	token, err := set.Sign("JWT", []byte(`{}`))
	require.NoError(t, err)
	_, err = set.Verify(token, "JWT")
	require.NoError(t, err)
}

// requireSameKeys requires that each set verifies what the other signs, and that all else is equal.
func requireSameKeys(t *testing.T, a, b *Set) {
	t.Helper()
	jwksA, etagA := a.PublicSet()
	jwksB, etagB := b.PublicSet()
	require.Equal(t, string(jwksA), string(jwksB))
	require.Equal(t, etagA, etagB)
	require.Equal(t, a.SecretIDs(), b.SecretIDs())
	macA, _ := a.MAC(a.SecretID(), "p", []byte("x"))
	macB, _ := b.MAC(a.SecretID(), "p", []byte("x"))
	require.Equal(t, macA, macB)
	token, err := a.Sign("JWT", []byte(`{"a":1}`))
	require.NoError(t, err)
	_, err = b.Verify(token, "JWT")
	require.NoError(t, err)
}

// barrierStore delays updates until all replicas have seen that it is empty.
type barrierStore struct {
	memoryStore
	ready *sync.WaitGroup
}

func (s *barrierStore) Update(ctx context.Context, plan func(time.Time, []Record) (Change, error)) error {
	s.ready.Done()
	s.ready.Wait()
	return s.memoryStore.Update(ctx, plan)
}

func TestRacingReplicasAgree(t *testing.T) {
	const replicas = 8
	store := &barrierStore{ready: &sync.WaitGroup{}}
	store.ready.Add(replicas)
	ring := newRing(t, entry("k1", 'a'))
	made := []func() *rsa.PrivateKey{firstRSA, secondRSA}
	sets, errs := make([]*Set, replicas), make([]error, replicas)
	var group sync.WaitGroup
	for n := range replicas {
		group.Go(func() { sets[n], errs[n] = load(t.Context(), store, ring, options(start, made[n%len(made)])) })
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Equal(t, 1, store.updates, "one winner")
	require.Len(t, store.records, 4)
	for _, set := range sets {
		requireSameKeys(t, sets[0], set)
	}
}

func TestWrongMasterKeyIsRefused(t *testing.T) {
	store := &memoryStore{}
	_, err := load(t.Context(), store, newRing(t, entry("k1", 'a')), options(start, firstRSA))
	require.NoError(t, err)
	for name, test := range map[string]struct {
		ring  *Ring
		is    error
		says  string
		empty Purpose // a purpose without keys in the database
	}{
		"an unknown id": {
			newRing(t, entry("k2", 'b')), ErrUnknownMasterKey,
			`the keys in this database were sealed with master key "k1", which is not in master_key`, "",
		},
		"another key of the same id": {
			newRing(t, entry("k1", 'b')), ErrSealBroken, `master key "k1" does not open`, "",
		},
		"before anything is added": {
			newRing(t, entry("k2", 'b')), ErrUnknownMasterKey, `master key "k1"`, Refresh,
		},
	} {
		t.Run(name, func(t *testing.T) {
			present := &memoryStore{}
			for _, record := range store.records {
				if record.Purpose != test.empty {
					present.records = append(present.records, record)
				}
			}
			before := len(present.records)
			_, err := load(t.Context(), present, test.ring, options(start, secondRSA))
			require.ErrorIs(t, err, test.is)
			require.ErrorContains(t, err, test.says)
			require.Len(t, present.records, before)
		})
	}
	t.Run("after a new first key the old one opens", func(t *testing.T) {
		_, err := load(t.Context(), store, newRing(t, entry("k2", 'b'), entry("k1", 'a')), options(start, spareRSA))
		require.NoError(t, err)
	})
}

func TestLoadRefusesDamagedRecords(t *testing.T) {
	ring := newRing(t, entry("k1", 'a'))
	secret := storedSecret(t, ring, 1, Record{SigningAt: start})
	seal := func(id string, plaintext []byte) Record {
		sealed, err := ring.Seal("signing-key", id, plaintext)
		require.NoError(t, err)
		return Record{Purpose: Signing, Sequence: 1, ID: id, Sealed: sealed, SigningAt: start}
	}
	pkcs8 := func(key any) []byte {
		b, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		return b
	}
	renamed := stored(t, ring, 1, firstRSA(), Record{SigningAt: start})
	renamed.ID = "other"
	_, ed25519Key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		record Record
		says   string
	}{
		"a row moved to another id": {renamed, "does not open"},
		"no PKCS #8":                {seal("x", []byte("junk")), "damaged"},
		"no RSA key":                {seal("x", pkcs8(ed25519Key)), "not an RSA key"},
		"another key's thumbprint":  {seal("x", pkcs8(firstRSA())), "another key's id"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t.Context(), &memoryStore{records: []Record{test.record, secret}}, ring,
				options(start, spareRSA))
			require.ErrorContains(t, err, test.says)
		})
	}
	t.Run("an RSA key of 1024 bits", func(t *testing.T) {
		t.Setenv("GODEBUG", "rsa1024min=0")
		weak, err := rsa.GenerateKey(rand.Reader, 1024)
		require.NoError(t, err)
		_, err = parseSigningKey("x", pkcs8(weak))
		require.ErrorContains(t, err, "2048")
	})
}

func TestLoadIgnoresUnknownPurposes(t *testing.T) {
	store := &memoryStore{records: []Record{{Purpose: "of a later version", Sequence: 1,
		Sealed: []byte("in an unknown form")}}}
	_, err := load(t.Context(), store, newRing(t, entry("k1", 'a')), options(start, firstRSA))
	require.NoError(t, err)
	require.Len(t, store.records, 5)
	require.Equal(t, []byte("in an unknown form"), store.records[0].Sealed)
}

func TestLoadReturnsErrors(t *testing.T) {
	broken := errors.New("the disk is gone")
	_, err := load(t.Context(), &memoryStore{err: broken}, newRing(t, entry("k1", 'a')), options(start, firstRSA))
	require.ErrorIs(t, err, broken)
	_, err = load(t.Context(), &memoryStore{}, newRing(t, entry("k1", 'a')), Options{
		Now: time.Now, generateRSA: func() (*rsa.PrivateKey, error) { return nil, broken },
	})
	require.ErrorIs(t, err, broken)
}

func TestKeyLives(t *testing.T) {
	ring := newRing(t, entry("k1", 'a'))
	hours := func(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }
	secret := storedSecret(t, ring, 1, Record{SigningAt: hours(-9)})
	current := stored(t, ring, 1, firstRSA(), Record{AnnouncedAt: hours(-9), SigningAt: hours(-8)})
	for name, test := range map[string]struct {
		instants            Record
		state               State
		published, verifies bool
	}{
		"not yet announced": {Record{}, Announced, false, false},
		// another server may use it already
		"announced":         {Record{AnnouncedAt: hours(-1)}, Announced, true, true},
		"about to sign":     {Record{AnnouncedAt: hours(-1), SigningAt: hours(1)}, Announced, true, true},
		"has signed before": {Record{AnnouncedAt: hours(-99), SigningAt: hours(-98)}, Retired, true, true},
		"retired": {Record{AnnouncedAt: hours(-99), SigningAt: hours(-98), RetiredAt: hours(-8)},
			Retired, true, true},
		"going": {Record{AnnouncedAt: hours(-99), SigningAt: hours(-98), RetiredAt: hours(-8),
			GoneAt: hours(1)}, Retired, true, true},
		"gone": {Record{AnnouncedAt: hours(-99), SigningAt: hours(-98), RetiredAt: hours(-8),
			GoneAt: hours(0)}, Gone, false, false},
		"gone before it was used": {Record{AnnouncedAt: hours(-99), GoneAt: hours(-1)}, Gone, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			other := stored(t, ring, 2, secondRSA(), test.instants)
			set, err := load(t.Context(), &memoryStore{records: []Record{other, current, secret}}, ring,
				options(start, spareRSA))
			require.NoError(t, err)
			require.Equal(t, current.ID, set.signer.id)
			require.Contains(t, Describe([]Record{other, current, secret}, start), Info{
				Purpose: Signing, Sequence: 2, ID: other.ID, State: test.state, MasterKey: "k1",
				AnnouncedAt: test.instants.AnnouncedAt, SigningAt: test.instants.SigningAt,
				RetiredAt: test.instants.RetiredAt, GoneAt: test.instants.GoneAt,
			})
			jwks, _ := set.PublicSet()
			require.Equal(t, test.published, containsKey(t, jwks, other.ID))
			require.True(t, containsKey(t, jwks, current.ID))

			token, err := (&Set{signer: &signingKey{other.ID, secondRSA()}}).Sign("JWT", []byte(`{}`))
			require.NoError(t, err)
			_, err = set.Verify(token, "JWT")
			require.Equal(t, test.verifies, err == nil)
		})
	}
}
