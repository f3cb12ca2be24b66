package verify

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
)

const (
	maxTokenSize  = 16 << 10 // bytes; Lingpai's have at most 8 KiB
	maxHeaderSize = 2 << 10  // bytes of the first segment; Lingpai's has about 120
	maxKeyIDSize  = 256      // bytes
)

// The types of signed documents (RFC 8725 §3.11), so that one is not accepted as another.
const (
	typeAccessToken = "at+jwt" // RFC 9068 §2.1
	typeRevocations = "revocations2+jwt"
)

// signedToken is a compact JWS (RFC 7515 §7.1) with a header of the required type. Its signature is not checked yet.
type signedToken struct {
	keyID              string
	payload, signature []byte
	input              string // the signing input: the first two segments, still encoded
}

// header are the needed members of a JOSE header (RFC 7515 §4.1, RFC 7797 §3, RFC 7516 §4.1). The members after KeyID
// are rejected, whatever their value: crit and b64 change the processing of a token, and the others name a key, which
// a token must not choose.
type header struct {
	Algorithm       string          `json:"alg"`
	Type            string          `json:"typ"`
	KeyID           string          `json:"kid"`
	Critical        json.RawMessage `json:"crit"`
	Encoded         json.RawMessage `json:"b64"`
	Compression     json.RawMessage `json:"zip"`
	Encryption      json.RawMessage `json:"enc"`
	KeySetURL       json.RawMessage `json:"jku"`
	Key             json.RawMessage `json:"jwk"`
	CertificateURL  json.RawMessage `json:"x5u"`
	Certificates    json.RawMessage `json:"x5c"`
	Thumbprint      json.RawMessage `json:"x5t"`
	ThumbprintOf256 json.RawMessage `json:"x5t#S256"`
}

// parseToken parses a token strictly.
func parseToken(token, typ string) (signedToken, error) {
	// The decoder skips line ends, so they are rejected here.
	if strings.Count(token, ".") != 2 || strings.ContainsAny(token, "\r\n") {
		return signedToken{}, badForm
	}
	dot := strings.LastIndexByte(token, '.')
	first, second, _ := strings.Cut(token[:dot], ".")
	if len(first) > maxHeaderSize {
		return signedToken{}, badHeader
	}
	encoding := base64.RawURLEncoding.Strict()
	head, err1 := encoding.DecodeString(first)
	payload, err2 := encoding.DecodeString(second)
	signature, err3 := encoding.DecodeString(token[dot+1:])
	if err1 != nil || err2 != nil || err3 != nil {
		return signedToken{}, badForm
	}
	keyID, err := readHeader(head, typ)
	return signedToken{keyID: keyID, payload: payload, signature: signature, input: token[:dot]}, err
}

// readHeader parses a header of the given type and returns its kid.
func readHeader(text []byte, typ string) (keyID string, err error) {
	var h header
	if readObject(text, &h) != nil {
		return "", badHeader
	}
	for _, member := range []json.RawMessage{h.Critical, h.Encoded, h.Compression, h.Encryption,
		h.KeySetURL, h.Key, h.CertificateURL, h.Certificates, h.Thumbprint, h.ThumbprintOf256} {
		if member != nil {
			return "", badMember
		}
	}
	switch {
	case h.Algorithm != "RS256":
		return "", badAlgorithm
	case !sameType(h.Type, typ):
		return "", badType
	case h.KeyID == "" || len(h.KeyID) > maxKeyIDSize:
		return "", badKeyID
	}
	return h.KeyID, nil
}

// sameType compares media types, ignoring case and an optional "application/" (RFC 9068 §4, RFC 7515
// §4.1.9).
func sameType(named, typ string) bool {
	return strings.TrimPrefix(strings.ToLower(named), "application/") == typ
}

// signedBy checks the signature (RFC 7518 §3.3).
func (t signedToken) signedBy(key *rsa.PublicKey) error {
	sum := sha256.Sum256([]byte(t.input))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], t.signature) != nil {
		return badSignature
	}
	return nil
}
