package verify

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
)

const (
	minKeyBits = 2048 // RFC 7518 §3.3
	maxKeyBits = 8192 // verifying with larger keys is too expensive
	maxKeys    = 64
	exponent   = 65537
)

// publicKey is a key of the issuer. The pointer stays the same as long as the key set has the key.
type publicKey struct {
	id  string
	rsa *rsa.PublicKey
}

// jwk are the needed members of a key (RFC 7517 §4, RFC 7518 §6.3).
type jwk struct {
	Type      string          `json:"kty"`
	Use       string          `json:"use"`
	Algorithm string          `json:"alg"`
	ID        string          `json:"kid"`
	Modulus   string          `json:"n"`
	Exponent  string          `json:"e"`
	Private   json.RawMessage `json:"d"`
}

var (
	errManyKeys = errors.New("it has more than 64 keys")
	errSameID   = errors.New("two of its keys have the same kid")
	errNoKeys   = errors.New("it has no RSA key for RS256 signatures of 2048 to 8192 bits with exponent 65537")
)

// parseKeys reads a JWK set (RFC 7517 §5) and returns the keys by which access tokens may be signed, reusing those in
// known that are unchanged. Keys of other kinds are ignored; a set without a usable key is an error.
func parseKeys(text []byte, known map[string]*publicKey) (map[string]*publicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := readObject(text, &set); err != nil {
		return nil, err
	}
	if len(set.Keys) > maxKeys {
		return nil, errManyKeys
	}
	keys := map[string]*publicKey{}
	for _, member := range set.Keys {
		key := parseKey(member)
		if key == nil {
			continue
		}
		if keys[key.id] != nil {
			return nil, errSameID
		}
		if old := known[key.id]; old != nil && old.rsa.Equal(key.rsa) {
			key = old
		}
		keys[key.id] = key
	}
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	return keys, nil
}

// parseKey returns nil for a key that must not be used, including one whose private key is published.
func parseKey(text []byte) *publicKey {
	var k jwk
	if readObject(text, &k) != nil || k.Type != "RSA" || k.Use != "sig" || k.Algorithm != "" && k.Algorithm != "RS256" {
		return nil
	}
	encoding := base64.RawURLEncoding.Strict()
	n, err1 := encoding.DecodeString(k.Modulus)
	e, err2 := encoding.DecodeString(k.Exponent)
	if err1 != nil || err2 != nil || k.ID == "" || len(k.ID) > maxKeyIDSize || k.Private != nil {
		return nil
	}
	modulus, power := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	if bits := modulus.BitLen(); bits < minKeyBits || bits > maxKeyBits || modulus.Bit(0) == 0 ||
		power.Cmp(big.NewInt(exponent)) != 0 {
		return nil
	}
	return &publicKey{id: k.ID, rsa: &rsa.PublicKey{N: modulus, E: exponent}}
}
