//go:build openssl && cgo

package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return der
}

func openedByOpenSSL(t testing.TB, key *rsa.PrivateKey) digestSigner {
	t.Helper()
	sign, err := openOpenSSL(pkcs8(t, key))
	require.NoError(t, err)
	return sign
}

func digestOf(n int) [sha256.Size]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

func TestOpenSSLSignsAsGoDoes(t *testing.T) {
	for bits, count := range map[int]int{2048: 300, 3072: 100, 4096: 50} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		require.NoError(t, err)
		sign := openedByOpenSSL(t, key)
		for n := range count {
			digest := digestOf(n)
			want, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
			require.NoError(t, err)
			got, err := sign(digest[:])
			require.NoError(t, err)
			require.Equal(t, want, got, "%d bits", bits)
		}
	}
}

func TestOpenSSLAcceptsPKCS1(t *testing.T) {
	sign, err := openOpenSSL(x509.MarshalPKCS1PrivateKey(firstRSA()))
	require.NoError(t, err)
	require.NoError(t, signsAlike(sign, firstRSA()))
}

// TestOpenSSLErrors have a reason, also after other errors in the same thread, and do not affect later calls.
func TestOpenSSLErrors(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	elliptic, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	whole := pkcs8(t, firstRSA())
	before := opensslKeys.Load()
	refused := [][]byte{nil, {0x30}, []byte("no key"), whole[:len(whole)/2], bytes.Repeat([]byte{0x30, 0x80}, 1000),
		pkcs8(t, elliptic)}
	var why []string
	for _, der := range refused {
		_, err := openOpenSSL(der)
		require.Error(t, err)
		why = append(why, err.Error())
	}
	for n, der := range slices.Backward(refused) {
		_, err := openOpenSSL(der)
		require.EqualError(t, err, why[n])
	}
	require.LessOrEqual(t, opensslKeys.Load(), before, "all are freed")
	sign := openedByOpenSSL(t, firstRSA())
	for _, length := range []int{0, 1, 31, 33, 64} {
		_, err := sign(make([]byte, length))
		require.Error(t, err)
		require.NoError(t, signsAlike(sign, firstRSA()))
	}
}

func TestOpenSSLSignsInParallel(t *testing.T) {
	sign := openedByOpenSSL(t, firstRSA())
	var callers sync.WaitGroup
	for caller := range 32 {
		callers.Go(func() {
			for n := range 50 {
				digest := digestOf(caller*50 + n)
				signature, err := sign(digest[:])
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
}

func TestASetOfThisBuildSignsByOpenSSL(t *testing.T) {
	require.Regexp(t, `^openssl 3\.\d+\.\d+$`, BuiltBackend())
	set := newTestSet(t)
	require.Equal(t, BuiltBackend(), set.Backend())
	requireGoodToken(t, set)
	require.Equal(t, BuiltBackend(), set.Backend())
}

// requireFreed collects garbage until at most that many keys are left.
func requireFreed(t *testing.T, most int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		runtime.GC()
		return opensslKeys.Load() <= most
	}, 10*time.Second, time.Millisecond)
}

// TestOpenSSLKeysAreFreed when their sets are dropped, and when a library has failed, but not while one signs.
func TestOpenSSLKeysAreFreed(t *testing.T) {
	requireFreed(t, 0)
	s := newServers(t)
	require.EqualValues(t, 2, opensslKeys.Load(), "one for each server: keys that only verify are not in OpenSSL")
	for range 5 {
		s.pass(31 * 24 * time.Hour)
		for _, k := range []*Keeper{s.a, s.b} {
			require.NoError(t, k.changeAndReload(t.Context(), planOfServers, ""))
			require.NoError(t, k.Reload(t.Context()))
		}
		s.requireAgreed(t)
	}
	requireFreed(t, 2)
	s.requireAgreed(t)
	checked := s.a.Current().signer.key.(*checkedSigner)
	checked.giveUp(checked.state.Load(), errBadSignature)
	requireFreed(t, 1)
	s.requireAgreed(t)
	runtime.KeepAlive(s)
}

// TestOpenSSLDoesNotLeak compares the memory of the process after a round and after four more of them. A leak of any
// object would show: a key takes kilobytes.
func TestOpenSSLDoesNotLeak(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("NOT RUN: resident memory is read from /proc")
	}
	der := pkcs8(t, firstRSA())
	kept := openedByOpenSSL(t, firstRSA())
	round := func() {
		for n := range 300 {
			sign, err := openOpenSSL(der)
			require.NoError(t, err)
			digest := digestOf(n)
			_, err = sign(digest[:])
			require.NoError(t, err)
			_, err = openOpenSSL(der[:len(der)-n-1])
			require.Error(t, err)
			for range 3 {
				_, err = kept(digest[:])
				require.NoError(t, err)
			}
			if n%50 == 0 {
				runtime.GC()
			}
		}
		requireFreed(t, 1)
	}
	round()
	before := residentPages(t)
	for range 4 {
		round()
	}
	grown := (residentPages(t) - before) * os.Getpagesize()
	t.Logf("after 1200 more keys and 4800 more signatures: %d KiB more", grown/1024)
	require.Less(t, grown, 2<<20, "less than 2 KiB for each key")
	runtime.KeepAlive(kept)
}

func residentPages(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	require.NoError(t, err)
	return pages
}

// BenchmarkBareOpenSSL compared with BenchmarkBareRSA shows the gain of OpenSSL, and BenchmarkCheckedOpenSSL the cost
// of the checks.
func BenchmarkBareOpenSSL(b *testing.B) {
	sign, digest := openedByOpenSSL(b, firstRSA()), digestOf(1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sign(digest[:]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckedOpenSSL(b *testing.B) {
	signer, digest := newTestSet(b).signer.key, digestOf(1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := signer.Sign(nil, digest[:], crypto.SHA256); err != nil {
			b.Fatal(err)
		}
	}
}
