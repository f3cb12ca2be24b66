package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// ForeignAlgorithms returns the algorithms with which others may sign what they send to this server.
func ForeignAlgorithms() []string {
	return []string{jwa.RS256.String(), jwa.PS256.String(), jwa.ES256.String(), jwa.EdDSA.String()}
}

const (
	maxForeignKeys = 20
	minForeignBits = 2048
	maxForeignBits = 8192 // a signature of a longer key takes long to verify, and anybody can send one
)

// ErrUnknownKey means that a token was signed by none of the keys. The set may be out of date.
var ErrUnknownKey = errors.New("the token is not signed by one of these keys")

// Foreign is the public keys of somebody else.
type Foreign struct{ keys []foreignKey }

type foreignKey struct {
	id         string
	algorithms []jwa.SignatureAlgorithm // that the key can be used with
	key        any
}

// ParseForeign reads a JWK set (RFC 7517 §5). Keys that cannot be used with ForeignAlgorithms are ignored. It returns
// an error if the set is malformed, has more than 20 keys, private ones, or none that can be used.
func ParseForeign(jwks []byte) (Foreign, error) {
	set, err := jwk.Parse(jwks, jwk.WithIgnoreParseError(true))
	if err != nil || set.Len() == 0 {
		return Foreign{}, errors.New("it is not a JSON Web Key Set (RFC 7517)")
	}
	if set.Len() > maxForeignKeys {
		return Foreign{}, fmt.Errorf("it has more than %d keys", maxForeignKeys)
	}
	var f Foreign
	for n := range set.Len() {
		key, _ := set.Key(n)
		if private, err := jwk.IsPrivateKey(key); err != nil || private {
			return Foreign{}, errors.New("it has a private or symmetric key: only public keys belong here")
		}
		if usable, ok := usableKey(key); ok {
			f.keys = append(f.keys, usable)
		}
	}
	if len(f.keys) == 0 {
		return Foreign{}, fmt.Errorf("it has no key that can be used with %s: RSA of %d to %d bits, EC P-256 or "+
			"Ed25519, for signatures", strings.Join(ForeignAlgorithms(), ", "), minForeignBits, maxForeignBits)
	}
	return f, nil
}

// usableKey returns a key with the algorithms that it can be used with; false if there is none.
func usableKey(key jwk.Key) (foreignKey, bool) {
	usable := foreignKey{id: key.KeyID()}
	if use := key.KeyUsage(); use != "" && use != "sig" || key.Raw(&usable.key) != nil {
		return usable, false
	}
	switch raw := usable.key.(type) {
	case *rsa.PublicKey:
		if bits := raw.N.BitLen(); bits >= minForeignBits && bits <= maxForeignBits {
			usable.algorithms = []jwa.SignatureAlgorithm{jwa.RS256, jwa.PS256}
		}
	case *ecdsa.PublicKey:
		if raw.Curve == elliptic.P256() {
			usable.algorithms = []jwa.SignatureAlgorithm{jwa.ES256}
		}
	case ed25519.PublicKey:
		if len(raw) == ed25519.PublicKeySize { // with any other, ed25519.Verify panics
			usable.algorithms = []jwa.SignatureAlgorithm{jwa.EdDSA}
		}
	}
	if only := key.Algorithm().String(); only != "" {
		usable.algorithms = slices.DeleteFunc(usable.algorithms, func(a jwa.SignatureAlgorithm) bool {
			return a.String() != only
		})
	}
	return usable, len(usable.algorithms) > 0
}

// Verify returns the payload, a JSON object, of a compact JWS of one of the types that was signed by one of the keys.
// A token without typ has the type "". The key is chosen by kid, or by the algorithm if the token has none and only one
// key fits; at most one signature is verified. It returns ErrUnknownKey if no key is chosen, and ErrBadToken for
// everything else (RFC 8725 §3).
func (f Foreign) Verify(token []byte, types ...string) ([]byte, error) {
	parts, ok := splitCompact(token)
	if !ok {
		return nil, ErrBadToken
	}
	header, ok := uniqueMembers(parts.header)
	if _, critical := header["crit"]; !ok || critical {
		return nil, ErrBadToken
	}
	typ, hasType := header["typ"]
	if !slices.ContainsFunc(types, func(t string) bool { return !hasType && t == "" || sameType(typ, t) }) {
		return nil, ErrBadToken
	}
	algorithm, _ := header["alg"].(string)
	if !slices.Contains(ForeignAlgorithms(), algorithm) {
		return nil, ErrBadToken
	}
	key, err := f.choose(header, jwa.SignatureAlgorithm(algorithm))
	if err != nil {
		return nil, err
	}
	verifier, err := jws.NewVerifier(jwa.SignatureAlgorithm(algorithm))
	if err != nil || verifier.Verify(parts.signed, parts.signature, key.key) != nil || !isObject(parts.payload) {
		return nil, ErrBadToken
	}
	return parts.payload, nil
}

func (f Foreign) choose(header map[string]any, algorithm jwa.SignatureAlgorithm) (foreignKey, error) {
	id, named := header["kid"]
	var fitting []foreignKey
	for _, key := range f.keys {
		if slices.Contains(key.algorithms, algorithm) && (!named || key.id == id) {
			fitting = append(fitting, key)
		}
	}
	if len(fitting) != 1 {
		return foreignKey{}, ErrUnknownKey
	}
	return fitting[0], nil
}

// UnverifiedPayload returns the payload of a compact JWS without verifying it, to find out whose keys verify it.
func UnverifiedPayload(token []byte) ([]byte, error) {
	parts, ok := splitCompact(token)
	if !ok {
		return nil, ErrBadToken
	}
	return parts.payload, nil
}
