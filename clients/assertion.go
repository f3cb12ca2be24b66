package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/oauth"
)

// assertionType is the value of client_assertion_type (RFC 7523 §2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// AssertionAlgorithms returns the algorithms with which clients may sign assertions.
func AssertionAlgorithms() []string { return keys.ForeignAlgorithms() }

const (
	maxAssertionLife = time.Minute
	clockLeeway      = 10 * time.Second // between a client's clock and this server's
	maxJTI           = 255
)

// assertionClaims are the claims of a client assertion (RFC 7523 §3).
type assertionClaims struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Audience  json.RawMessage `json:"aud"`
	Expires   float64         `json:"exp"`
	NotBefore float64         `json:"nbf"`
	ID        string          `json:"jti"`
}

// subjectOf returns the client that an assertion claims to be from, before its signature is verified: it says whose
// keys are to be used.
func subjectOf(assertion string) string {
	var claims assertionClaims
	payload, err := keys.UnverifiedPayload([]byte(assertion))
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Subject
}

// checkAssertion authenticates a client by an assertion that it has signed (private_key_jwt, OpenID Connect Core §9,
// RFC 7523 §3 as revised: its only audience is the issuer). An assertion counts once. The error says what is wrong, for
// the log; it is an oauth.Error if the store fails.
func (r *Registry) checkAssertion(ctx context.Context, client identity.Client, assertion string) error {
	payload, err := r.verify(ctx, client, assertion)
	if err != nil {
		return err
	}
	var claims assertionClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return errors.New("its claims are malformed")
	}
	now := r.now()
	expires := time.UnixMilli(int64(claims.Expires * 1000))
	switch {
	case claims.Issuer != client.ID || claims.Subject != client.ID:
		return errors.New("iss and sub must be the client's id")
	case !claims.isFor(r.issuer):
		return fmt.Errorf("aud must be %s and nothing else", r.issuer)
	case claims.ID == "" || len(claims.ID) > maxJTI:
		return fmt.Errorf("jti is missing, or longer than %d characters", maxJTI)
	case expires.Before(now.Add(-clockLeeway)):
		return errors.New("it has expired, or has no exp")
	case expires.After(now.Add(maxAssertionLife + clockLeeway)):
		return fmt.Errorf("exp must be at most %s away", maxAssertionLife)
	case claims.NotBefore > float64(now.Add(clockLeeway).Unix()):
		return errors.New("nbf is in the future")
	}
	key := identity.VolatileKey("client assertion", client.ID, claims.ID)
	first, err := r.volatile.PutIfAbsent(ctx, key, nil, expires.Sub(now)+2*clockLeeway)
	if err != nil {
		return oauth.StoreFailed(err)
	}
	if !first {
		return errors.New("it was used before: each request needs an assertion with a jti of its own")
	}
	return nil
}

// verify verifies the signature of an assertion.
func (r *Registry) verify(ctx context.Context, client identity.Client, assertion string) ([]byte, error) {
	for _, outdated := range []bool{false, true} {
		set, err := r.keySets.of(ctx, client, outdated)
		if err != nil {
			return nil, fmt.Errorf("the keys of client %s cannot be used: %w", client.ID, err)
		}
		payload, err := set.Verify([]byte(assertion), "", "JWT", "client-authentication+jwt")
		if !errors.Is(err, keys.ErrUnknownKey) {
			return payload, err
		}
	}
	return nil, keys.ErrUnknownKey
}

// isFor reports whether the audience is this issuer alone, as a text or as a list of one.
func (c assertionClaims) isFor(issuer string) bool {
	var one string
	var list []string
	return json.Unmarshal(c.Audience, &one) == nil && one == issuer ||
		json.Unmarshal(c.Audience, &list) == nil && len(list) == 1 && list[0] == issuer
}
