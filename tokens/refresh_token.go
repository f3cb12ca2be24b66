package tokens

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/lingpai/lingpai/identity"
)

// A refresh token is not stored. It consists of "lp_rt_" and, in base64url,
//
//	version 1 ‖ refresh secret's id 6 ‖ session id 16 ‖ generation 4 ‖ session secret 16 ‖ HMAC-SHA256 32 bytes
//
// where the HMAC covers everything before it and uses the refresh secret with that id. Tokens cannot be forged with the
// server's secret alone, since only a hash of the session secret is stored, nor with the database alone, which does not
// contain the server's secret in plaintext.
const (
	refreshPrefix  = "lp_rt_"
	refreshVersion = 1
	signedSize     = 1 + secretIDSize + 16 + 4 + sessionSecretSize
	refreshSize    = signedSize + sha256.Size

	secretIDSize      = 6
	sessionSecretSize = 16

	macRefreshToken = "refresh token"
)

// RefreshToken is the contents of a refresh token with a valid MAC.
type RefreshToken struct {
	SessionID  string
	Generation uint32
	secret     [sessionSecretSize]byte
}

// Matches reports, in constant time, whether the token contains the session's secret.
func (t RefreshToken) Matches(session identity.Session) bool {
	return isSecretOf(session, t.secret)
}

// ReadRefreshToken verifies the MAC of a refresh token and returns its contents. It does not use the database. It
// returns ErrBadToken if the token is malformed or its MAC is not valid.
func (i *Issuer) ReadRefreshToken(token string) (RefreshToken, error) {
	encoded, ok := strings.CutPrefix(token, refreshPrefix)
	if !ok || len(encoded) != base64.RawURLEncoding.EncodedLen(refreshSize) {
		return RefreshToken{}, ErrBadToken
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(b) != refreshSize || b[0] != refreshVersion {
		return RefreshToken{}, ErrBadToken
	}
	rest := b[1:]
	mac, ok := i.config.Keys.Current().MAC([secretIDSize]byte(rest), macRefreshToken, b[:signedSize])
	if !ok || subtle.ConstantTimeCompare(mac[:], b[signedSize:]) != 1 {
		return RefreshToken{}, ErrBadToken
	}
	rest = rest[secretIDSize:]
	return RefreshToken{
		SessionID:  uuid.UUID(rest[:16]).String(),
		Generation: binary.BigEndian.Uint32(rest[16:]),
		secret:     [sessionSecretSize]byte(rest[20:]),
	}, nil
}

// writeRefreshToken encodes a token and its MAC with the current refresh secret. It returns ErrNotSigned if there is
// none.
func (i *Issuer) writeRefreshToken(t RefreshToken) (string, error) {
	session, err := uuid.Parse(t.SessionID)
	if err != nil {
		return "", err
	}
	set := i.config.Keys.Current()
	id := set.SecretID()
	b := make([]byte, 0, refreshSize)
	b = append(b, refreshVersion)
	b = append(b, id[:]...)
	b = append(b, session[:]...)
	b = binary.BigEndian.AppendUint32(b, t.Generation)
	b = append(b, t.secret[:]...)
	mac, ok := set.MAC(id, macRefreshToken, b)
	if !ok {
		return "", fmt.Errorf("%w: there is no refresh secret", ErrNotSigned)
	}
	b = append(b, mac[:]...)
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(b), nil
}
