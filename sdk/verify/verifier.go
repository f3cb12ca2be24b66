package verify

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Verifier checks access tokens of one issuer for one audience. It is safe for concurrent use, and need not be
// closed: in the background it only makes fetches, of at most 5 s, for tokens that have arrived.
type Verifier struct {
	issuer, audience string
	leeway           time.Duration
	now              func() time.Time
	logger           *slog.Logger
	retryAfter       string            // seconds
	metadata         *resourceMetadata // nil: WithResource is not used
	challenge        string
	keys             *keySource
	revocations      *revocationSource // nil: WithRevocations is not used
	cache            cache
}

// New returns a verifier of the issuer's tokens for an audience. issuer is compared exactly with iss in tokens and in
// the metadata; audience is the name of this API, which must be in the aud of a token.
//
// New fetches the metadata and the keys, and the list of revocations with WithRevocations, within ctx and 5 s, and
// returns an error if it cannot, unless WithLazyStart is given. It returns all errors of its arguments, joined.
func New(ctx context.Context, issuer, audience string, options ...Option) (*Verifier, error) {
	s := newSettings(options)
	if err := s.check(issuer, audience); err != nil {
		return nil, err
	}
	v := &Verifier{
		issuer: issuer, audience: audience, leeway: s.leeway, now: s.now, logger: s.logger,
		retryAfter: fmt.Sprintf("%.0f", max(s.floor.Seconds(), 1)),
		keys:       newKeySource(issuer, s),
		cache:      newCache(s.cacheSize),
	}
	if s.resource != nil {
		v.metadata = newResourceMetadata(issuer, audience, *s.resource)
	}
	v.challenge = challengeOf(audience, v.metadata)
	if s.revocations {
		v.revocations = newRevocationSource(issuer, s, v.keys)
	}
	if s.lazy {
		return v, nil
	}
	if err := v.start(ctx); err != nil {
		return nil, err
	}
	return v, nil
}

func (v *Verifier) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	err := v.keys.start(ctx, v.now())
	if err == nil && v.revocations != nil {
		err = v.revocations.start(ctx, v.now())
	}
	return err
}

// Verify returns the claims of a valid token. It returns ErrInvalidToken for every other token, and ErrUnavailable if
// there are no keys yet. It makes a request to the issuer only if the key of the token is unknown or the key set is
// old, and waits for the answer at most 2 s and within ctx; so it uses the last key set while the issuer is down. See
// WithRevocations for sessions that have ended.
func (v *Verifier) Verify(ctx context.Context, token string) (Claims, error) {
	claims, err := v.verify(ctx, token)
	if err != nil {
		return Claims{}, err
	}
	return claims.clone(), nil
}

// verify returns claims that are shared with the cache.
func (v *Verifier) verify(ctx context.Context, token string) (*Claims, error) {
	if token == "" || len(token) > maxTokenSize {
		return nil, badLength
	}
	now := v.now()
	claims, err := v.signed(ctx, token, now)
	if err == nil && v.revocations != nil {
		err = v.revocations.check(ctx, claims, now)
	}
	return claims, err
}

// signed returns the claims of a token that is valid by itself, without a check of its session.
func (v *Verifier) signed(ctx context.Context, token string, now time.Time) (*Claims, error) {
	sum := sumOf(token)
	if known := v.cache.find(&sum); known != nil {
		key, err := v.keys.find(ctx, known.key.id, now)
		if err != nil {
			return nil, err
		}
		if key == known.key { // the key set still has the key that verified the signature
			return known.claims, known.claims.checkTime(now, v.leeway)
		}
	}
	parsed, err := parseToken(token, typeAccessToken)
	if err != nil {
		return nil, err
	}
	key, err := v.keys.find(ctx, parsed.keyID, now)
	if err != nil {
		return nil, err
	}
	claims, err := v.check(parsed, key, now)
	if err == nil {
		v.cache.keep(&verified{sum: sum, key: key, claims: claims}, now.Add(-v.leeway))
	}
	return claims, err
}

// check makes the checks of RFC 9068 §4, the signature first.
func (v *Verifier) check(token signedToken, key *publicKey, now time.Time) (*Claims, error) {
	if err := token.signedBy(key.rsa); err != nil {
		return nil, err
	}
	claims, err := readClaims(token.payload)
	switch {
	case err != nil:
		return nil, err
	case claims.Issuer != v.issuer:
		return nil, badIssuer
	case !slices.Contains(claims.Audience, v.audience):
		return nil, badAudience
	}
	return claims, claims.checkTime(now, v.leeway)
}

// sumOf returns the key of a token in the cache. A token of the usual size is copied only to the stack.
func sumOf(token string) [sha256.Size]byte {
	var room [2 << 10]byte
	return sha256.Sum256(append(room[:0], token...))
}
