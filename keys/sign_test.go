package keys

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSignedTokenIsPlainRS256(t *testing.T) {
	set := newTestSet(t)
	const payload = `{ "sub": "u_1", "scope": "<&>" }`
	token, err := set.Sign("at+jwt", []byte(payload))
	require.NoError(t, err)
	segments := strings.Split(string(token), ".")
	require.Len(t, segments, 3)
	header, err := base64.RawURLEncoding.Strict().DecodeString(segments[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"alg":"RS256","kid":"`+set.signer.id+`","typ":"at+jwt"}`, string(header))
	body, err := base64.RawURLEncoding.Strict().DecodeString(segments[1])
	require.NoError(t, err)
	require.Equal(t, payload, string(body), "the payload's bytes are unchanged")
	signature, err := base64.RawURLEncoding.Strict().DecodeString(segments[2])
	require.NoError(t, err)
	digest := sha256.Sum256([]byte(segments[0] + "." + segments[1]))
	require.NoError(t, rsa.VerifyPKCS1v15(&firstRSA().PublicKey, crypto.SHA256, digest[:], signature))
}

func TestSignRefusesWhatVerifyWouldRefuse(t *testing.T) {
	set := newTestSet(t)
	_, err := set.Sign("JWT", []byte(`{"a":"`+strings.Repeat("a", maxTokenSize*3/4)+`"}`))
	require.ErrorIs(t, err, errTokenTooLarge)
}

// opaqueSigner is a crypto.Signer that is not an *rsa.PrivateKey, as a hardware module or OpenSSL would be.
type opaqueSigner struct{ crypto.Signer }

func TestAnyCryptoSignerSigns(t *testing.T) {
	set := newTestSet(t)
	want, err := set.Sign("JWT", []byte(`{}`))
	require.NoError(t, err)
	set.signer.key = opaqueSigner{firstRSA()}
	got, err := set.Sign("JWT", []byte(`{}`))
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}
