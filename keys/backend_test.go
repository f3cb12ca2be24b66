package keys

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeLibrary signs with Go, unless spoil changes the signature.
type fakeLibrary struct {
	opened, asked atomic.Int64
	refuses       error // returned when a key is opened
	spoil         func(asked int64, signature []byte) ([]byte, error)
}

func (f *fakeLibrary) library() *library {
	return &library{"fake 1.2", func(pkcs8 []byte) (digestSigner, error) {
		f.opened.Add(1)
		parsed, err := x509.ParsePKCS8PrivateKey(pkcs8)
		if err = errors.Join(err, f.refuses); err != nil {
			return nil, err
		}
		return func(digest []byte) ([]byte, error) {
			asked := f.asked.Add(1)
			signature, err := rsa.SignPKCS1v15(nil, parsed.(*rsa.PrivateKey), crypto.SHA256, digest)
			if err == nil && f.spoil != nil {
				signature, err = f.spoil(asked, signature)
			}
			return signature, err
		}, nil
	}}
}

// flip returns a faulty signature, as by a faulty processor.
func flip(signature []byte) []byte {
	faulty := bytes.Clone(signature)
	faulty[len(faulty)/2] ^= 4
	return faulty
}

// keeper returns a keeper with new keys, and its log.
func (f *fakeLibrary) keeper(t *testing.T) (*Keeper, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	o := options(start, firstRSA)
	o.library, o.Logger = f.library(), slog.New(slog.NewTextHandler(&log, nil))
	keeper, err := Open(t.Context(), &memoryStore{}, newRing(t, entry("k1", 'a')), o)
	require.NoError(t, err)
	return keeper, &log
}

// requireGoodToken requires that the set signs as Go would.
func requireGoodToken(t *testing.T, set *Set) {
	t.Helper()
	got, err := set.Sign("JWT", []byte(`{}`))
	require.NoError(t, err)
	want, err := (&Set{signer: &signingKey{set.signer.id, firstRSA()}}).Sign("JWT", []byte(`{}`))
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestALibrarySigns(t *testing.T) {
	var f fakeLibrary
	keeper, log := f.keeper(t)
	require.Equal(t, "fake 1.2", keeper.Backend())
	asked := f.asked.Load()
	requireGoodToken(t, keeper.Current())
	require.Equal(t, asked+1, f.asked.Load())
	require.Empty(t, log.String())
	require.Equal(t, firstRSA().Public(), keeper.Current().signer.key.Public())
}

// TestGoSignsIfALibraryIsWrongFromTheStart, and the library is not asked again.
func TestGoSignsIfALibraryIsWrongFromTheStart(t *testing.T) {
	spoiling := func(spoil func([]byte) ([]byte, error)) *fakeLibrary {
		return &fakeLibrary{spoil: func(_ int64, signature []byte) ([]byte, error) { return spoil(signature) }}
	}
	const other = "its test signature differs from Go's"
	for _, test := range []struct {
		library *fakeLibrary
		fault   string
	}{
		{&fakeLibrary{refuses: errors.New("unknown key format")}, "unknown key format"},
		{spoiling(func([]byte) ([]byte, error) { return nil, errors.New("out of memory") }), "out of memory"},
		{spoiling(func(s []byte) ([]byte, error) { return flip(s), nil }), other},
		{spoiling(func(s []byte) ([]byte, error) { return s[1:], nil }), other},
		{spoiling(func([]byte) ([]byte, error) { return nil, nil }), other},
	} {
		keeper, log := test.library.keeper(t)
		require.Equal(t, "go, since fake 1.2 failed: "+test.fault, keeper.Backend())
		asked := test.library.asked.Load()
		for range 3 {
			requireGoodToken(t, keeper.Current())
		}
		require.Equal(t, asked, test.library.asked.Load())
		require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"), log)
	}
}

// TestNoFaultySignatureIsReturned even if many sign at once when the errors begin.
func TestNoFaultySignatureIsReturned(t *testing.T) {
	for name, spoil := range map[string]func([]byte) ([]byte, error){
		"made a signature that does not verify": func(s []byte) ([]byte, error) { return flip(s), nil },
		"no thread":                             func(s []byte) ([]byte, error) { return s, errors.New("no thread") },
	} {
		f := &fakeLibrary{spoil: func(asked int64, signature []byte) ([]byte, error) {
			if asked > 20 {
				return spoil(signature)
			}
			return signature, nil
		}}
		keeper, log := f.keeper(t)
		signer := keeper.Current().signer.key
		var callers sync.WaitGroup
		for caller := range 8 {
			callers.Go(func() {
				for n := range 10 {
					digest := sha256.Sum256([]byte{byte(caller), byte(n)})
					signature, err := signer.Sign(nil, digest[:], crypto.SHA256)
					if err == nil {
						err = rsa.VerifyPKCS1v15(&firstRSA().PublicKey, crypto.SHA256, digest[:], signature)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		callers.Wait()
		require.Contains(t, keeper.Backend(), "go, since fake 1.2 failed: ")
		require.Contains(t, keeper.Backend(), name)
		require.LessOrEqual(t, f.asked.Load(), int64(20+8), "only those in flight")
		require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"), log)
	}
}

// TestTheFallbackIsPermanent for a key, even if the keys are read again. The next key uses the library.
func TestTheFallbackIsPermanent(t *testing.T) {
	bad := true
	f := &fakeLibrary{spoil: func(_ int64, signature []byte) ([]byte, error) {
		if bad {
			return flip(signature), nil
		}
		return signature, nil
	}}
	store := &memoryStore{now: start}
	o := pooled(func() time.Time { return store.now })
	o.library = f.library()
	keeper, err := Open(t.Context(), store, newRing(t, entry("k1", 'a')), o)
	require.NoError(t, err)
	bad = false
	before := keeper.Current()
	store.now = store.now.Add(24 * time.Hour)
	require.NoError(t, keeper.Rotate(t.Context(), Refresh), "so that the set is rebuilt")
	require.NotSame(t, before, keeper.Current())
	require.Contains(t, keeper.Backend(), "go, since")
	require.EqualValues(t, 1, f.opened.Load())
	require.NoError(t, keeper.Rotate(t.Context(), Signing))
	require.Equal(t, "fake 1.2", keeper.Backend())
	require.EqualValues(t, 2, f.opened.Load())
}

// TestOnlyRS256UsesTheLibrary, and another algorithm is not an error of it.
func TestOnlyRS256UsesTheLibrary(t *testing.T) {
	var f fakeLibrary
	keeper, _ := f.keeper(t)
	signer, asked := keeper.Current().signer.key, f.asked.Load()
	_, err := signer.Sign(nil, make([]byte, 31), crypto.SHA256)
	require.Error(t, err)
	longer := make([]byte, 64)
	signature, err := signer.Sign(nil, longer, crypto.SHA512)
	require.NoError(t, err)
	require.NoError(t, rsa.VerifyPKCS1v15(&firstRSA().PublicKey, crypto.SHA512, longer, signature))
	require.Equal(t, asked, f.asked.Load())
	require.Equal(t, "fake 1.2", keeper.Backend())
}

// TestThePlaintextOfASigningKeyIsOverwritten after the key was added to the set.
func TestThePlaintextOfASigningKeyIsOverwritten(t *testing.T) {
	ring := newRing(t, entry("k1", 'a'))
	records := []Record{
		stored(t, ring, 1, firstRSA(), Record{CreatedAt: start, AnnouncedAt: start, SigningAt: start}),
		storedSecret(t, ring, 1, Record{CreatedAt: start, AnnouncedAt: start, SigningAt: start}),
	}
	opened, err := openAll(records, ring, start)
	require.NoError(t, err)
	_, err = newSet(opened, start, func(id string, private *rsa.PrivateKey,
		_ []byte) *signingKey {
		return &signingKey{id, private}
	})
	require.NoError(t, err)
	for _, key := range opened {
		if key.Purpose == Signing {
			require.Equal(t, make([]byte, len(key.plaintext)), key.plaintext)
		}
	}
}
