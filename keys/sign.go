package keys

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

const publicExponent = 65537

var (
	errTokenTooLarge = errors.New("a token of this size would be refused by our own endpoints")
	errNoSigner      = errors.New("the key in use was revoked, and the next one cannot be opened")
)

// signingKey is the key that signs. jwx is handed the raw key: with a jwk.Key it would redo RSA's
// precomputation at every signature.
type signingKey struct {
	id  string
	key crypto.Signer
}

// Sign returns a payload, which is a JSON object, as a compact JWS (RFC 7515 §7.1): RS256, with the header
// members kid and typ. It is to travel in a header of HTTP, so there is a limit to its size.
func (s *Set) Sign(typ string, payload []byte) ([]byte, error) {
	token, err := s.SignDocument(typ, payload)
	if err == nil && len(token) > maxTokenSize {
		return nil, errTokenTooLarge
	}
	return token, err
}

// KeyID is the kid of what the set signs; "" if it signs nothing.
func (s *Set) KeyID() string {
	if s.signer == nil {
		return ""
	}
	return s.signer.id
}

// SignDocument is Sign of what travels in a body, of any size. A header is the same for every token of its
// type, so it is written here and only the signature is jwx's.
func (s *Set) SignDocument(typ string, payload []byte) ([]byte, error) {
	if s.signer == nil {
		return nil, errNoSigner
	}
	header, err := json.Marshal(protectedHeader{Algorithm: jwa.RS256.String(), KeyID: s.signer.id, Type: typ})
	if err != nil {
		return nil, err
	}
	encoding := base64.RawURLEncoding
	token := make([]byte, 0, encoding.EncodedLen(len(header)+len(payload)+signatureRoom))
	token = encoding.AppendEncode(token, header)
	token = append(token, '.')
	token = encoding.AppendEncode(token, payload)
	signer, err := jws.NewSigner(jwa.RS256)
	if err != nil {
		return nil, err
	}
	signature, err := signer.Sign(token, s.signer.key)
	if err != nil {
		return nil, err
	}
	token = append(token, '.')
	return encoding.AppendEncode(token, signature), nil
}

// protectedHeader is a JOSE header (RFC 7515 §4.1).
type protectedHeader struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
	Type      string `json:"typ"`
}

// signatureRoom is a signature of the longest key that we take, and the dots.
const signatureRoom = 4096/8 + 4

// parseSigningKey reads the PKCS #8 form of a key and refuses one that is weak (RFC 8725 §3.5) or does not
// bear its own thumbprint.
func parseSigningKey(id string, plaintext []byte) (*rsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(plaintext) // validates and precomputes
	if err != nil {
		return nil, fmt.Errorf("the signing key %q in this database is damaged: %w", id, err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok || key.N.BitLen() < signingBits || key.E != publicExponent {
		return nil, fmt.Errorf("the signing key %q in this database is not an RSA key of at least %d bits "+
			"with exponent %d",
			id, signingBits, publicExponent)
	}
	if computed, err := thumbprint(&key.PublicKey); err != nil || computed != id {
		return nil, fmt.Errorf("the signing key %q in this database has another key's id", id)
	}
	return key, nil
}
