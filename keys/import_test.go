package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func pemOf(kind string, der []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func pkcs8Of(key any) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pemOf("PRIVATE KEY", der, err)
}

func TestAnImportedKeySignsNext(t *testing.T) {
	theirs := mustGenerateRSA()
	for name, text := range map[string][]byte{
		"PKCS #8": pkcs8Of(theirs), "PKCS #1": pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(theirs), nil),
		"text around it":    append([]byte("Bag Attributes\n"), pkcs8Of(theirs)...),
		"a byte order mark": append([]byte("\ufeff"), pkcs8Of(theirs)...),
		"CRLF":              []byte(strings.ReplaceAll(string(pkcs8Of(theirs)), "\n", "\r\n")),
	} {
		t.Run(name, func(t *testing.T) {
			s := newServers(t)
			id, err := s.a.Import(t.Context(), text)
			require.NoError(t, err)
			jwks, _ := s.a.PublicSet()
			require.True(t, containsKey(t, jwks, id))
			require.NotEqual(t, id, s.a.Current().signer.id)
			_, err = s.a.Import(t.Context(), text)
			require.ErrorContains(t, err, "already exists")
			s.pass(24 * time.Hour)
			require.NoError(t, s.a.Rotate(t.Context(), Signing))
			require.Equal(t, id, s.a.Current().signer.id)
			public, err := s.a.Current().PublicPEM()
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(string(public), "# kid "+id+"\n-----BEGIN PUBLIC KEY-----\n"))
			require.Equal(t, 3, strings.Count(string(public), "BEGIN PUBLIC KEY"), "with the other two")
			require.NotContains(t, string(public), "PRIVATE")
		})
	}
}

func TestKeysThatAreNotImported(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	ofBits := func(bits int) *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		require.NoError(t, err)
		return key
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ecDER, err := x509.MarshalECPrivateKey(ec)
	require.NoError(t, err)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	publicDER, err := x509.MarshalPKIXPublicKey(&firstRSA().PublicKey)
	require.NoError(t, err)
	threePrimes, err := rsa.GenerateMultiPrimeKey(rand.Reader, 3, 2048) //nolint:staticcheck // must be rejected
	require.NoError(t, err)
	good := pkcs8Of(secondRSA())
	for name, test := range map[string]struct {
		text []byte
		why  string
	}{
		"1024 bits":       {pkcs8Of(ofBits(1024)), "has 1024 bits"},
		"2047 bits":       {pkcs8Of(ofBits(2047)), "has 2047 bits"},
		"8192 bits":       {pemOf("RSA PRIVATE KEY", bigKey(t), nil), "4096"},
		"elliptic":        {pkcs8Of(ec), "not an RSA key"},
		"elliptic, SEC 1": {pemOf("EC PRIVATE KEY", ecDER, nil), "not an RSA key"},
		"Ed25519":         {pkcs8Of(edwards), "not an RSA key"},
		"public":          {pemOf("PUBLIC KEY", publicDER, nil), "begins with a public key"},
		"a certificate":   {pemOf("CERTIFICATE", publicDER, nil), "begins with a certificate"},
		"encrypted":       {pemOf("ENCRYPTED PRIVATE KEY", []byte("x"), nil), "is encrypted"},
		"encrypted, PKCS#1": {pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY",
			Headers: map[string]string{"DEK-Info": "AES-128-CBC,00"}, Bytes: []byte("x")}), "is encrypted"},
		"exponent 3": {pemOf("RSA PRIVATE KEY", ofFactors(prime(t, 1024), prime(t, 1024), 3), nil),
			"exponent is 3"},
		"three primes": {pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(threePrimes), nil),
			"not the product of two primes"},
		"a short prime": {pemOf("RSA PRIVATE KEY", ofFactors(prime(t, 1920), prime(t, 128), publicExponent),
			nil), "not the product of two primes"},
		"a factor of two": {pemOf("RSA PRIVATE KEY", ofFactors(new(big.Int).Mul(prime(t, 512), prime(t, 513)),
			prime(t, 1024), publicExponent), nil), "not the product of two primes"},
		"two keys": {append(append([]byte{}, good...), good...), "more than one private key"},
		"damaged":  {pemOf("PRIVATE KEY", []byte("junk"), nil), "cannot be read"},
		"DER":      {publicDER, "not PEM"},
		"nothing":  {nil, "not PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServers(t)
			before := len(s.store.records)
			_, err := s.a.Import(t.Context(), test.text)
			require.ErrorContains(t, err, test.why)
			require.Len(t, s.store.records, before)
		})
	}
}

// prime returns a prime that is suitable for exponents 3 and 65537.
func prime(t *testing.T, bits int) *big.Int {
	t.Helper()
	for {
		p, err := rand.Prime(rand.Reader, bits)
		require.NoError(t, err)
		if one := big.NewInt(1); new(big.Int).GCD(nil, nil, new(big.Int).Sub(p, one),
			big.NewInt(3*publicExponent)).Cmp(one) == 0 {
			return p
		}
	}
}

// ofFactors returns the PKCS #1 form of a key with two factors, prime or not, and an exponent.
func ofFactors(p, q *big.Int, exponent int) []byte {
	one := big.NewInt(1)
	p1, q1 := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
	d := new(big.Int).ModInverse(big.NewInt(int64(exponent)), new(big.Int).Mul(p1, q1))
	der, _ := asn1.Marshal(struct {
		Version          int
		N                *big.Int
		E                int
		D, P, Q, A, B, C *big.Int
	}{0, new(big.Int).Mul(p, q), exponent, d, p, q, new(big.Int).Mod(d, p1), new(big.Int).Mod(d, q1),
		new(big.Int).ModInverse(q, p)})
	return der
}

// bigKey returns the PKCS #1 form of a key that is too large; generating a real one would take a minute.
func bigKey(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 4608)
	require.NoError(t, err)
	return x509.MarshalPKCS1PrivateKey(key)
}
