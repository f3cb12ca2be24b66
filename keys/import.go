package keys

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// maxImportedBits limits imported keys: signatures with larger ones are too slow for tokens.
const maxImportedBits = 4096

// Import adds a signing key from PEM (PKCS #8 or PKCS #1): it is announced, and will be used next. It returns its id.
// It accepts only RSA keys of 2048 to 4096 bits with exponent 65537, and returns an error for the operator otherwise.
func (k *Keeper) Import(ctx context.Context, text []byte) (id string, err error) {
	id, plaintext, err := newSigningKey(func() (*rsa.PrivateKey, error) { return parsePEM(text) })
	if err != nil {
		return "", err
	}
	sealed, err := k.ring.Seal(sealPurpose(Signing), id, plaintext)
	if err != nil {
		return "", err
	}
	return id, k.changeAndReload(ctx, func(now time.Time, p Policy, r []Record, g func(Purpose) (SealedKey,
		error)) (Change, error) {
		changes, err := PlanImport(now, p, r, g, SealedKey{id, sealed})
		return Change{changes, Action{ActionImport, id}}, err
	}, "")
}

// parsePEM parses exactly one private key. Its errors contain no part of the key.
func parsePEM(text []byte) (*rsa.PrivateKey, error) {
	block, rest := pem.Decode(bytes.TrimPrefix(text, []byte("\ufeff"))) // the byte order mark of some editors
	switch {
	case block == nil:
		return nil, errors.New("not PEM: a private key begins with -----BEGIN PRIVATE KEY-----")
	case strings.Contains(block.Type, "ENCRYPTED"), block.Headers["DEK-Info"] != "":
		return nil, errors.New("the key is encrypted; decrypt it first: openssl pkey -in FILE | " +
			"lingpai keys import -")
	case !strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, fmt.Errorf("the input begins with a %s, but a private key is needed to sign",
			strings.ToLower(block.Type))
	case len(strings.TrimSpace(string(rest))) > 0:
		return nil, errors.New("the input contains more than one private key; remove everything else")
	}
	key, err := parseBlock(block)
	if err != nil {
		return nil, err
	}
	switch bits := key.N.BitLen(); {
	case bits < signingBits:
		return nil, fmt.Errorf("the key has %d bits, which is weak; at least %d are required (RFC 7518 §3.3)",
			bits, signingBits)
	case bits > maxImportedBits:
		return nil, fmt.Errorf("the key has %d bits; signatures with more than %d take too long",
			bits, maxImportedBits)
	case key.E != publicExponent:
		return nil, fmt.Errorf("the key's public exponent is %d, but verifiers expect %d", key.E, publicExponent)
	case !halves(key.Primes):
		return nil, errors.New("the key is not the product of two primes of the same length, so it is weak " +
			"or its signatures are invalid")
	}
	return key, nil
}

// halves reports whether there are two primes of the same length (FIPS 186-5 A.1.1). crypto/rsa checks only their
// product.
func halves(primes []*big.Int) bool {
	return len(primes) == 2 && max(primes[0].BitLen(), primes[1].BitLen())-min(primes[0].BitLen(),
		primes[1].BitLen()) <= 1 &&
		primes[0].ProbablyPrime(20) && primes[1].ProbablyPrime(20)
}

func parseBlock(block *pem.Block) (*rsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		parsed, err = parseAs(x509.ParsePKCS1PrivateKey(block.Bytes))
	}
	if err != nil {
		parsed, err = parseAs(x509.ParseECPrivateKey(block.Bytes))
	}
	if err != nil {
		return nil, errors.New("the key cannot be read: it is damaged, or of an unsupported kind; use RSA " +
			"in PKCS #8 or PKCS #1")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the key is not an RSA key, but tokens are signed with RS256")
	}
	return key, nil
}

func parseAs[K any](key K, err error) (any, error) { return key, err }

// PublicPEM returns the public keys of the set as PEM, the active one first, each after a comment with its id.
func (s *Set) PublicPEM() ([]byte, error) {
	var all []byte
	for _, id := range s.publicIDs {
		der, err := x509.MarshalPKIXPublicKey(s.verifiers[id])
		if err != nil {
			return nil, err
		}
		all = append(all, "# kid "+id+"\n"...)
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})...)
	}
	return all, nil
}
