package wechat

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const (
	sessionKeySize = 16 // bytes: an AES-128 key
	sessionKeyText = 24 // characters: those bytes in Base64
)

// errSessionKey does not repeat the text, which may be a key after all.
var errSessionKey = errors.New("wechat: a session key is 24 characters of standard Base64, of 16 bytes")

// A SessionKey is the key with which WeChat encrypts and signs a user's data for one app.
// It must not leave the server, so like a [Secret] it prints as three asterisks, and unlike
// a Secret it has no method that reveals it. The zero value is no key.
type SessionKey struct {
	// The 16 bytes. fmt calls no methods on unexported fields of other types: it would
	// print the content of an array behind a pointer, but only the address of a string.
	raw *string
}

// ParseSessionKey parses a key as WeChat writes it. A key of another length would select another
// cipher. Signatures are made with the text, so a key must have only one text form.
func ParseSessionKey(text string) (SessionKey, error) {
	if len(text) != sessionKeyText {
		return SessionKey{}, errSessionKey
	}
	decoded, err := decodeBase64(text)
	if err != nil || len(decoded) != sessionKeySize {
		return SessionKey{}, errSessionKey
	}
	raw := string(decoded)
	return SessionKey{&raw}, nil
}

// decodeBase64 accepts only standard Base64 with padding. Go's strict decoder skips line
// breaks, so the length is checked as well.
func decodeBase64(text string) ([]byte, error) {
	decoded, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(text) != base64.StdEncoding.EncodedLen(len(decoded)) {
		return nil, errors.New("wechat: not standard Base64")
	}
	return decoded, nil
}

// sessionKeyPurpose is what Seal seals keys for.
const sessionKeyPurpose = "wechat session key of a sign-in"

// Seal encrypts a key, bound to an identity that OpenSessionKey needs again.
func (k SessionKey) Seal(sealer PerIdentitySealer, identity string) ([]byte, error) {
	if k.Zero() {
		return nil, errSessionKey
	}
	return sealer.SealPerIdentity(sessionKeyPurpose, identity, []byte(k.text()))
}

// OpenSessionKey decrypts a key that Seal encrypted for the same identity.
func OpenSessionKey(sealer PerIdentitySealer, identity string, sealed []byte) (SessionKey, error) {
	text, err := sealer.OpenPerIdentity(sessionKeyPurpose, identity, sealed)
	if err != nil {
		return SessionKey{}, err
	}
	return ParseSessionKey(string(text))
}

// Zero reports whether there is no key.
func (k SessionKey) Zero() bool { return k.raw == nil }

// text returns the key as WeChat writes it, which is used for signatures.
func (k SessionKey) text() string {
	raw := k.bytes()
	return base64.StdEncoding.EncodeToString(raw[:])
}

// bytes returns the AES key.
func (k SessionKey) bytes() [sessionKeySize]byte {
	if k.Zero() {
		return [sessionKeySize]byte{}
	}
	return [sessionKeySize]byte([]byte(*k.raw))
}

// equal compares in constant time.
func (k SessionKey) equal(other SessionKey) bool {
	one, two := k.bytes(), other.bytes()
	return k.Zero() == other.Zero() && subtle.ConstantTimeCompare(one[:], two[:]) == 1
}

// String returns three asterisks.
func (SessionKey) String() string { return redacted }

// GoString returns three asterisks.
func (SessionKey) GoString() string { return redacted }

// Format writes three asterisks whatever the verb is.
func (SessionKey) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, redacted) }

// LogValue returns three asterisks.
func (SessionKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON returns three asterisks as a JSON string.
func (SessionKey) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns three asterisks.
func (SessionKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }
