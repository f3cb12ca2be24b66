package tokens

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
)

// keyStore is a key store that starts empty.
type keyStore struct{ records []keys.Record }

func (s *keyStore) Keys(context.Context) ([]keys.Record, error) { return s.records, nil }

func (s *keyStore) Update(_ context.Context, plan func(time.Time, []keys.Record) (keys.Change, error)) error {
	added, err := plan(time.Now(), s.records)
	s.records = append(s.records, added.Records...)
	return err
}

func newIssuer(t testing.TB) *Issuer {
	t.Helper()
	master, err := keys.NewMasterKey(time.Now())
	require.NoError(t, err)
	ring, err := keys.ParseRing(master)
	require.NoError(t, err)
	keeper, err := keys.Open(t.Context(), &keyStore{}, ring, keys.Options{Now: time.Now})
	require.NoError(t, err)
	return New(Config{Issuer: testIssuer, Keys: keeper, AccessTTL: time.Hour, Now: time.Now})
}

// newToken returns a refresh token and the row of its session.
func newToken(t *testing.T, issuer *Issuer) (string, identity.Session) {
	t.Helper()
	secret := [sessionSecretSize]byte(randomBytes(sessionSecretSize))
	session := identity.Session{ID: identity.NewSessionID(), Generation: 7, SecretHash: hashSecret(secret)}
	token, err := issuer.writeRefreshToken(RefreshToken{SessionID: session.ID, Generation: 7, secret: secret})
	require.NoError(t, err)
	return token, session
}

func TestRefreshTokenRoundTrip(t *testing.T) {
	issuer := newIssuer(t)
	token, session := newToken(t, issuer)
	require.Len(t, token, 106, "a change of the format would sign all users out")
	read, err := issuer.ReadRefreshToken(token)
	require.NoError(t, err)
	require.Equal(t, session.ID, read.SessionID)
	require.EqualValues(t, 7, read.Generation)
	require.True(t, read.Matches(session))

	successor, err := issuer.Successor(read, session)
	require.NoError(t, err)
	require.Equal(t, token, successor, "the same session and generation give the same token, so it need not be stored")
}

// TestRefreshTokenHasOneEncoding checks that a token with any changed character is rejected.
func TestRefreshTokenHasOneEncoding(t *testing.T) {
	issuer := newIssuer(t)
	token, _ := newToken(t, issuer)
	for n := range token {
		for _, other := range []byte{'A', 'B', '_', '=', '.', 0} {
			if token[n] == other {
				continue
			}
			changed := []byte(token)
			changed[n] = other
			_, err := issuer.ReadRefreshToken(string(changed))
			require.ErrorIs(t, err, ErrBadToken, "character %d changed to %q", n, other)
		}
	}
	for _, changed := range []string{"", token[:105], token + "A", token + "\n", " " + token, token + token} {
		_, err := issuer.ReadRefreshToken(changed)
		require.ErrorIs(t, err, ErrBadToken)
	}
}

// TestStolenDatabaseMakesNoRefreshToken: the rows contain the session's id, its generation and the hash of its secret,
// but not the key of the MAC.
func TestStolenDatabaseMakesNoRefreshToken(t *testing.T) {
	issuer, thief := newIssuer(t), newIssuer(t)
	_, session := newToken(t, issuer)
	forged, err := thief.writeRefreshToken(RefreshToken{SessionID: session.ID, Generation: session.Generation})
	require.NoError(t, err)
	_, err = issuer.ReadRefreshToken(forged)
	require.ErrorIs(t, err, ErrBadToken)

	// The same with the genuine secret's id, which the database contains.
	body, err := base64.RawURLEncoding.DecodeString(forged[len(refreshPrefix):])
	require.NoError(t, err)
	id := issuer.config.Keys.Current().SecretID()
	copy(body[1:], id[:])
	_, err = issuer.ReadRefreshToken(refreshPrefix + base64.RawURLEncoding.EncodeToString(body))
	require.ErrorIs(t, err, ErrBadToken)
}

// TestStolenServerSecretMakesNoRefreshToken: the server's secret makes the MAC, but does not reveal the session's
// secret.
func TestStolenServerSecretMakesNoRefreshToken(t *testing.T) {
	issuer := newIssuer(t)
	_, session := newToken(t, issuer)
	guess := RefreshToken{SessionID: session.ID, Generation: session.Generation,
		secret: [sessionSecretSize]byte(session.SecretHash[:])}
	forged, err := issuer.writeRefreshToken(guess)
	require.NoError(t, err)
	read, err := issuer.ReadRefreshToken(forged)
	require.NoError(t, err, "the MAC is valid")
	require.False(t, read.Matches(session))
}

// TestRefreshTokenFormat checks the documented layout: a change would sign all users out.
func TestRefreshTokenFormat(t *testing.T) {
	issuer := newIssuer(t)
	token, session := newToken(t, issuer)
	b, err := base64.RawURLEncoding.Strict().DecodeString(token[len("lp_rt_"):])
	require.NoError(t, err)
	require.Len(t, b, 75)
	require.EqualValues(t, 1, b[0])
	id := issuer.config.Keys.Current().SecretID()
	require.Equal(t, id[:], b[1:7])
	require.Equal(t, session.ID, uuid.UUID(b[7:23]).String())
	require.EqualValues(t, 7, binary.BigEndian.Uint32(b[23:27]))
	sum := sha256.Sum256(b[27:43])
	require.Equal(t, session.SecretHash, sum)
	mac, ok := issuer.config.Keys.Current().MAC(id, "refresh token", b[:43])
	require.True(t, ok)
	require.Equal(t, mac[:], b[43:])
}

// TestOpeningsDiffer checks that an opening depends on every part, and on where one ends and the next begins.
func TestOpeningsDiffer(t *testing.T) {
	issuer := newIssuer(t)
	seen := map[string]bool{}
	for _, parts := range [][]string{{"a", "b", "c"}, {"ab", "c"}, {"a", "bc"}, {"abc"}, {"a", "b", "c", ""},
		{"", "a", "b", "c"}} {
		openings := issuer.Openings(parts...)
		require.Len(t, openings, 2, "with the current secret, and with the next, which another server may already use")
		require.False(t, seen[string(openings[0].By)])
		seen[string(openings[0].By)] = true
		require.Equal(t, openings[0], issuer.Openings(parts...)[0], "it can be derived again")
		require.NotContains(t, string(openings[0].By), string(openings[0].secret[:]),
			"the row does not reveal the secret")
	}
}

// TestNoAccessTokenOutlivesItsKey uses a client whose record has a longer lifetime.
func TestNoAccessTokenOutlivesItsKey(t *testing.T) {
	issuer := newIssuer(t)
	require.Equal(t, 24*time.Hour, issuer.accessTTL(identity.Client{AccessTTL: 24 * time.Hour}))
	issuer.config.MaxAccessTTL = 2 * time.Hour
	require.Equal(t, 2*time.Hour, issuer.accessTTL(identity.Client{AccessTTL: 24 * time.Hour}))
	require.Equal(t, time.Minute, issuer.accessTTL(identity.Client{AccessTTL: time.Minute}))
	require.Equal(t, time.Hour, issuer.accessTTL(identity.Client{}))
}
