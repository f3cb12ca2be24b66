package verify

import (
	"context"
	"testing"
)

// BenchmarkVerify checks a signature each time.
func BenchmarkVerify(b *testing.B) { benchmark(b, WithCache(0)) }

// BenchmarkVerifyCached finds the token among those that were checked.
func BenchmarkVerifyCached(b *testing.B) { benchmark(b) }

func benchmark(b *testing.B, options ...Option) {
	w := newWorld(b, options...)
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
	w := newWorld(b)
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

// BenchmarkRefuse is what a token with a made-up signature costs us.
func BenchmarkRefuse(b *testing.B) {
	w := newWorld(b)
	token := w.tokenOf("first", secondRSA())
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if w.verify(token) == nil {
			b.Fatal("taken")
		}
	}
}
