package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
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
		"text around it": append([]byte("Bag Attributes\n"), pkcs8Of(theirs)...), "CRLF": []byte(strings.ReplaceAll(string(pkcs8Of(theirs)), "\n", "\r\n")),
	} {
		t.Run(name, func(t *testing.T) {
			s := newServers(t)
			id, err := s.a.Import(t.Context(), text)
			require.NoError(t, err)
			jwks, _ := s.a.PublicSet()
			require.True(t, containsKey(t, jwks, id))
			require.NotEqual(t, id, s.a.Current().signer.id)
			_, err = s.a.Import(t.Context(), text)
			require.ErrorContains(t, err, "here already")
			s.pass(24 * time.Hour)
			require.NoError(t, s.a.Rotate(t.Context(), Signing))
			require.Equal(t, id, s.a.Current().signer.id)
			public, err := s.a.Current().PublicPEM()
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(string(public), "# kid "+id+"\n-----BEGIN PUBLIC KEY-----\n"))
			require.Equal(t, 3, strings.Count(string(public), "BEGIN PUBLIC KEY"), "the one before and the next, too")
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
	good := pkcs8Of(secondRSA())
	for name, test := range map[string]struct {
		text []byte
		why  string
	}{
		"1024 bits":         {pkcs8Of(ofBits(1024)), "has 1024 bits"},
		"2047 bits":         {pkcs8Of(ofBits(2047)), "has 2047 bits"},
		"8192 bits":         {pemOf("RSA PRIVATE KEY", bigKey(t), nil), "4096"},
		"elliptic":          {pkcs8Of(ec), "not an RSA key"},
		"elliptic, SEC 1":   {pemOf("EC PRIVATE KEY", ecDER, nil), "not an RSA key"},
		"Ed25519":           {pkcs8Of(edwards), "not an RSA key"},
		"public":            {pemOf("PUBLIC KEY", publicDER, nil), "this is a public key"},
		"a certificate":     {pemOf("CERTIFICATE", publicDER, nil), "this is a certificate"},
		"encrypted":         {pemOf("ENCRYPTED PRIVATE KEY", []byte("x"), nil), "is encrypted"},
		"encrypted, PKCS#1": {pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"DEK-Info": "AES-128-CBC,00"}, Bytes: []byte("x")}), "is encrypted"},
		"two keys":          {append(append([]byte{}, good...), good...), "more in it than one"},
		"damaged":           {pemOf("PRIVATE KEY", []byte("junk"), nil), "cannot be read"},
		"DER":               {publicDER, "no PEM"},
		"nothing":           {nil, "no PEM"},
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

// bigKey is the PKCS #1 form of a key of more bits than are taken; making a real one would take a minute.
func bigKey(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 4608)
	require.NoError(t, err)
	return x509.MarshalPKCS1PrivateKey(key)
}
