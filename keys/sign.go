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
	errTokenTooLarge = errors.New("the token exceeds the limit of this server's own endpoints")
	errNoSigner      = errors.New("the key in use was revoked, and the next one cannot be opened")
)

// signingKey is the key that signs. jwx gets the raw key: with a jwk.Key it would repeat RSA's precomputation for
// every signature.
type signingKey struct {
	id  string
	key crypto.Signer
}

// Sign signs a payload, which is a JSON object, as a compact JWS (RFC 7515 §7.1): RS256, with the header members kid
// and typ. It returns an error if the token is larger than 8 KiB, since it is sent in an HTTP header.
func (s *Set) Sign(typ string, payload []byte) ([]byte, error) {
	token, err := s.SignDocument(typ, payload)
	if err == nil && len(token) > maxTokenSize {
		return nil, errTokenTooLarge
	}
	return token, err
}

// KeyID returns the kid of the signing key; "" if there is none.
func (s *Set) KeyID() string {
	if s.signer == nil {
		return ""
	}
	return s.signer.id
}

// SignDocument is like Sign, but without the size limit, for documents that are sent in a body. It writes the header
// itself and uses jwx only for the signature.
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

// signatureRoom is the size of a signature by the largest accepted key, with the dots, in bytes before encoding.
const signatureRoom = 4096/8 + 4

// parseSigningKey parses the PKCS #8 form of a key. It returns an error if the key is weak (RFC 8725 §3.5) or its
// thumbprint is not id.
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
