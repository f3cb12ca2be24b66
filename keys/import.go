package keys

import (
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

// maxImportedBits is where a signature grows so slow that it is no choice for tokens.
const maxImportedBits = 4096

// Import adds a signing key that somebody else made, as PEM (PKCS #8 or PKCS #1): it is announced, and the
// next to be used. It returns its id. Only RSA keys of 2048 to 4096 bits with the usual exponent are taken;
// the error says why another is not.
func (k *Keeper) Import(ctx context.Context, text []byte) (id string, err error) {
	id, plaintext, err := newSigningKey(func() (*rsa.PrivateKey, error) { return parsePEM(text) })
	if err != nil {
		return "", err
	}
	sealed, err := k.ring.Seal(sealPurpose(Signing), id, plaintext)
	if err != nil {
		return "", err
	}
	return id, k.changeAndReload(ctx, func(now time.Time, p Policy, r []Record, g func(Purpose) (Made,
		error)) (Change, error) {
		changes, err := PlanImport(now, p, r, g, Made{id, sealed})
		return Change{changes, Action{ActionImport, id}}, err
	}, "")
}

// parsePEM reads one private key and nothing else. Its errors repeat nothing of it.
func parsePEM(text []byte) (*rsa.PrivateKey, error) {
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return nil, errors.New("this is no PEM: a private key begins with -----BEGIN PRIVATE KEY-----")
	case strings.Contains(block.Type, "ENCRYPTED"), block.Headers["DEK-Info"] != "":
		return nil, errors.New("the key is encrypted; decrypt it on the way: openssl pkey -in FILE | " +
			"lingpai keys import -")
	case !strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, fmt.Errorf("what comes first is a %s and no private key, without which nothing can be signed",
			strings.ToLower(block.Type))
	case len(strings.TrimSpace(string(rest))) > 0:
		return nil, errors.New("there is more in it than one private key; take out what does not belong to it")
	}
	key, err := parseBlock(block)
	if err != nil {
		return nil, err
	}
	switch bits := key.N.BitLen(); {
	case bits < signingBits:
		return nil, fmt.Errorf("the key has %d bits, and less than %d are weak (RFC 7518 §3.3)", bits, signingBits)
	case bits > maxImportedBits:
		return nil, fmt.Errorf("the key has %d bits, and each signature with more than %d would take too long",
			bits, maxImportedBits)
	case key.E != publicExponent:
		return nil, fmt.Errorf("the key's public exponent is %d, and verifiers expect %d", key.E, publicExponent)
	case !halves(key.Primes):
		return nil, errors.New("the key is no product of two primes of the same length, so it is weak, or " +
			"signs wrongly")
	}
	return key, nil
}

// halves says whether there are two primes, and neither is short (FIPS 186-5 A.1.1). crypto/rsa checks their
// product only.
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
		return nil, errors.New("the key cannot be read: it is damaged, or of a kind that is not known " +
			"here; RSA in PKCS #8 or PKCS #1 is")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the key is not an RSA key, and tokens are signed with RS256")
	}
	return key, nil
}

func parseAs[K any](key K, err error) (any, error) { return key, err }

// PublicPEM returns the public halves of the keys of the set, the one that signs first, each with its id before it.
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
