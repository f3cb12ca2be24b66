package keys

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// ErrBadToken means that a token is invalid. It deliberately gives no reason.
var ErrBadToken = errors.New("bad token")

// maxTokenSize is far beyond the tokens of this server, and within the limits of servers and proxies for a header.
const maxTokenSize = 8 << 10

// Verify returns the payload, a JSON object, of a compact JWS of type typ that was signed with RS256 by a key of the
// set. It returns ErrBadToken for everything else (RFC 8725 §3, RFC 9068 §4). The key is chosen by kid from the set;
// jwk, jku, x5u and x5c are ignored, and crit is rejected, since no extension is supported (RFC 7515 §4.1.11).
//
// The token is parsed strictly here, and jwx checks only the signature: its own parser accepts more forms than needed.
func (s *Set) Verify(token []byte, typ string) ([]byte, error) {
	parts, ok := splitCompact(token)
	if !ok {
		return nil, ErrBadToken
	}
	header, ok := uniqueMembers(parts.header)
	if !ok || header["alg"] != jwa.RS256.String() || !sameType(header["typ"], typ) {
		return nil, ErrBadToken
	}
	if _, critical := header["crit"]; critical {
		return nil, ErrBadToken
	}
	id, _ := header["kid"].(string)
	key, known := s.verifiers[id]
	if !known || !signedBy(key, parts) || !isObject(parts.payload) {
		return nil, ErrBadToken
	}
	return parts.payload, nil
}

func signedBy(key *rsa.PublicKey, parts compact) bool {
	verifier, err := jws.NewVerifier(jwa.RS256)
	return err == nil && verifier.Verify(parts.signed, parts.signature, key) == nil
}

// compact is the parts of a compact JWS. signed is the signing input: the first two segments, still encoded.
type compact struct{ header, payload, signature, signed []byte }

// splitCompact decodes three segments of strict base64url.
func splitCompact(token []byte) (compact, bool) {
	// The decoder skips line ends, so they are rejected here.
	if len(token) > maxTokenSize || bytes.Count(token, []byte(".")) != 2 || bytes.ContainsAny(token, "\r\n") {
		return compact{}, false
	}
	segments := bytes.Split(token, []byte("."))
	var decoded [3][]byte
	for n, segment := range segments {
		var err error
		if decoded[n], err = base64.RawURLEncoding.Strict().AppendDecode(nil, segment); err != nil {
			return compact{}, false
		}
	}
	return compact{decoded[0], decoded[1], decoded[2], token[:bytes.LastIndexByte(token, '.')]}, true
}

// uniqueMembers decodes an object. It rejects one with a repeated member (RFC 7515 §4), since two parsers could use
// different values.
func uniqueMembers(text []byte) (map[string]any, bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, false
	}
	members := map[string]any{}
	for decoder.More() {
		token, err := decoder.Token()
		name, isName := token.(string)
		_, twice := members[name]
		if err != nil || !isName || twice {
			return nil, false
		}
		var value any
		if decoder.Decode(&value) != nil {
			return nil, false
		}
		members[name] = value
	}
	if _, err := decoder.Token(); err != nil { // the closing brace
		return nil, false
	}
	_, err := decoder.Token()
	return members, errors.Is(err, io.EOF)
}

func isObject(text []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) && json.Valid(text)
}

// sameType compares media types, ignoring case and an optional "application/" (RFC 7515 §4.1.9).
func sameType(got any, want string) bool {
	text, ok := got.(string)
	text = strings.TrimPrefix(strings.ToLower(text), "application/")
	return ok && text == strings.ToLower(want)
}
