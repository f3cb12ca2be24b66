package verify

import "errors"

var (
	// ErrInvalidToken says that a token is not a good one for this API. The text of an error that is it
	// (errors.Is) gives the reason, for logs: who presented the token should not learn more than that it is
	// invalid.
	ErrInvalidToken = errors.New("invalid token")

	// ErrUnavailable says that no token can be judged, because the issuer's keys, or its list of
	// revocations if WithRevocations asks for one, could not be had. Ask again later.
	ErrUnavailable = errors.New("what the issuer publishes is not available")
)

// reason is why a token is refused. It never holds anything of the token.
type reason string

const (
	badLength    reason = "it is empty or longer than 16 KiB"
	badForm      reason = "it is not three segments of base64url without padding"
	badHeader    reason = "its header is not a small JSON object whose names stand once"
	badAlgorithm reason = "its alg is not RS256"
	badType      reason = "its typ is not at+jwt"
	badKeyID     reason = "its header has no kid, or not as a short string"
	badMember    reason = "its header has a member that changes how it is read, or says where a key is"
	unknownKey   reason = "its key is not in the issuer's key set"
	badSignature reason = "its signature is wrong"
	badClaims    reason = "its claims are not a JSON object of the right types whose names stand once"
	missingClaim reason = "a claim is missing that every access token has"
	badIssuer    reason = "it is of another issuer"
	badAudience  reason = "it is for another audience"
	expired      reason = "it has expired"
	tooEarly     reason = "its time has not come"
	sessionEnded reason = "its session has ended"
)

// Error implements error.
func (r reason) Error() string { return ErrInvalidToken.Error() + ": " + string(r) }

// Is implements what errors.Is asks for.
func (reason) Is(target error) bool { return target == ErrInvalidToken }
