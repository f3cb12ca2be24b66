package verify

import "errors"

var (
	// ErrInvalidToken means that a token is not valid for this API. An error that wraps it (errors.Is) has the reason
	// in its text, for logs only: the caller should not learn more than that the token is invalid.
	ErrInvalidToken = errors.New("invalid token")

	// ErrUnavailable means that tokens cannot be checked, because the issuer's keys, or its list of revocations with
	// WithRevocations, could not be fetched. Try again later.
	ErrUnavailable = errors.New("the issuer's keys or revocations are not available")
)

// reason is the reason why a token is invalid. It never contains a part of the token.
type reason string

const (
	badLength    reason = "it is empty or longer than 16 KiB"
	badForm      reason = "it is not three segments of base64url without padding"
	badHeader    reason = "its header is not a small JSON object with unique names"
	badAlgorithm reason = "its alg is not RS256"
	badType      reason = "its typ is not at+jwt"
	badKeyID     reason = "its header has no kid, or its kid is not a short string"
	badMember    reason = "its header has a member that changes its processing or names a key"
	unknownKey   reason = "its key is not in the issuer's key set"
	badSignature reason = "its signature is invalid"
	badClaims    reason = "its claims are not a JSON object of the right types with unique names"
	missingClaim reason = "a required claim is missing"
	badIssuer    reason = "it is from another issuer"
	badAudience  reason = "it is for another audience"
	expired      reason = "it has expired"
	tooEarly     reason = "it is not valid yet"
	sessionEnded reason = "its session has ended"
	bucketEnded  reason = "many sessions of its user's bucket ended since it was issued: refresh it"
)

// Error implements error.
func (r reason) Error() string { return ErrInvalidToken.Error() + ": " + string(r) }

// Is implements the interface of errors.Is.
func (reason) Is(target error) bool { return target == ErrInvalidToken }
