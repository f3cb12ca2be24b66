package keys

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"io"
	"testing"
)

const benchmarkPayload = `{"iss":"https://id.example.com",` +
	`"sub":"u_abcdefghijklmnopqrstuv","aud":"https://api.example.com",` +
	`"client_id":"c_abcdefghijklmnopqrstuv","scope":"openid profile","iat":1794000000,` +
	`"exp":1794003600,"jti":"abcdefghijklmnopqrstuv",` +
	`"sid":"0199a1c5-0000-7000-8000-000000000000","auth_time":1794000000,"amr":["wechat"]}`

// BenchmarkSign compared with BenchmarkBareRSA shows the cost of a token besides its signature.
func BenchmarkSign(b *testing.B) {
	set := newTestSet(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := set.Sign("at+jwt", []byte(benchmarkPayload)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBareRSA(b *testing.B) {
	key, digest := firstRSA(), sha256.Sum256([]byte(benchmarkPayload))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:]); err != nil {
			b.Fatal(err)
		}
	}
}

// instantSigner takes no time, so that only the cost of the token without its signature remains.
type instantSigner struct {
	opaqueSigner
	signature []byte
}

func (s instantSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return s.signature, nil
}

func BenchmarkSignOverhead(b *testing.B) {
	set := newTestSet(b)
	set.signer.key = instantSigner{opaqueSigner{firstRSA()}, make([]byte, signingBits/8)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := set.Sign("at+jwt", []byte(benchmarkPayload)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	set := newTestSet(b)
	token, err := set.Sign("at+jwt", []byte(benchmarkPayload))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := set.Verify(token, "at+jwt"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMAC(b *testing.B) {
	set := newTestSet(b)
	id, part := set.SecretID(), make([]byte, 43)
	b.ReportAllocs()
	for b.Loop() {
		set.MAC(id, "refresh token", part)
	}
}

func BenchmarkSeal(b *testing.B) {
	ring, plaintext := newRing(b, entry("k1", 'a')), make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ring.Seal("app-secret", "wx1", plaintext); err != nil {
			b.Fatal(err)
		}
	}
}
