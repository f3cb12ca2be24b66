package keys

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// publicKey is a JWK with the members that verifiers need, and no others (RFC 7517 §4, RFC 7518 §6.3.1).
type publicKey struct {
	Type      string `json:"kty"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid"`
	Modulus   string `json:"n"`
	Exponent  string `json:"e"`
}

func publicKeyOf(id string, key *rsa.PublicKey) publicKey {
	return publicKey{
		Type: "RSA", Use: "sig", Algorithm: "RS256", ID: id,
		Modulus:  base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		Exponent: base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}
}

// publish returns the JWK set (RFC 7517 §5) and its ETag, which is the same on every replica.
func publish(keys []publicKey) (jwks []byte, etag string, err error) {
	jwks, err = json.Marshal(map[string][]publicKey{"keys": keys})
	sum := sha256.Sum256(jwks)
	return jwks, fmt.Sprintf("%q", base64.RawURLEncoding.EncodeToString(sum[:12])), err
}

// thumbprint returns the kid of a key (RFC 7638), which depends only on the key.
func thumbprint(key *rsa.PublicKey) (string, error) {
	j, err := jwk.FromRaw(key)
	if err != nil {
		return "", err
	}
	sum, err := j.Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(sum), err
}
