package verify

import (
	"context"
	"fmt"
	"testing"
)

// BenchmarkVerify checks a signature each time.
func BenchmarkVerify(b *testing.B) { benchmark(b, WithCache(0)) }

// BenchmarkVerifyCached finds the token in the cache.
func BenchmarkVerifyCached(b *testing.B) { benchmark(b) }

// BenchmarkVerifyCachedListed looks up a cached token in a list of as many sessions as possible.
func BenchmarkVerifyCachedListed(b *testing.B) {
	w := newListEnv(b, RefuseWithoutList)
	w.revoke(manySessions()...)
	w.clock.advance(2 * testInterval)
	run(b, w)
}

// BenchmarkVerifyCachedListedBuckets looks up a cached token in the longest possible list.
func BenchmarkVerifyCachedListedBuckets(b *testing.B) {
	w := newListEnv(b, RefuseWithoutList)
	w.publishList(w.longestList())
	w.clock.advance(2 * testInterval)
	run(b, w)
}

// BenchmarkReadList parses the longest possible list, as a verifier does after a change.
func BenchmarkReadList(b *testing.B) {
	w := newListEnv(b, RefuseWithoutList)
	list := []byte(w.longestList())
	b.SetBytes(int64(len(list)))
	b.ResetTimer()
	for range b.N {
		if _, err := w.verifier.revocations.read(context.Background(), list); err != nil {
			b.Fatal(err)
		}
	}
}

// longestList returns a list with an entry for each bucket.
func (w *env) longestList() string {
	var buckets []int64
	for bucket := range int64(1 << 16) {
		buckets = append(buckets, bucket, 1)
	}
	return w.signedList(map[string]any{"buckets": b64(bucketsOf(buckets...))}, manySessions()...)
}

func manySessions() []string {
	sessions := make([]string, 20000)
	for n := range sessions {
		sessions[n] = fmt.Sprint("session ", n)
	}
	return sessions
}

func benchmark(b *testing.B, options ...Option) { run(b, newEnv(b, options...)) }

func run(b *testing.B, w *env) {
	token := w.token(nil)
	requireGood(b, w, token)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := w.verifier.Verify(context.Background(), token); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyCachedParallel shows that callers do not wait for each other.
func BenchmarkVerifyCachedParallel(b *testing.B) {
	w := newEnv(b)
	token := w.token(nil)
	requireGood(b, w, token)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := w.verifier.Verify(context.Background(), token); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkRefuse rejects a token with a made-up signature.
func BenchmarkRefuse(b *testing.B) {
	w := newEnv(b)
	token := w.tokenOf("first", secondRSA())
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if w.verify(token) == nil {
			b.Fatal("taken")
		}
	}
}
