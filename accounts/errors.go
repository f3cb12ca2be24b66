package accounts

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// Names of refusals.
var (
	// ErrInvalidRequest says that the request is malformed (RFC 6749 §5.2).
	ErrInvalidRequest = errors.New("invalid_request")
	// ErrInvalidToken says that the caller is no user who may do anything (any more) (RFC 6750 §3.1).
	ErrInvalidToken = errors.New("invalid_token")
	// ErrInsufficientScope says that the access token does not reach far enough (RFC 6750 §3.1).
	ErrInsufficientScope = errors.New("insufficient_scope")
	// ErrInsufficientAuthentication says that the token alone is not enough: there is no proof, or it proves
	// nothing (RFC 9470 §3).
	ErrInsufficientAuthentication = errors.New("insufficient_user_authentication")
	// ErrInvalidGrant says that the code of an account that is to be linked is no good (RFC 6749 §5.2).
	ErrInvalidGrant = errors.New("invalid_grant")
	// ErrTaken says that somebody has that user name, in whichever spelling.
	ErrTaken = errors.New("username_taken")
	// ErrWeakPassword says that a password must not be set.
	ErrWeakPassword = errors.New("weak_password")
	// ErrLinkedElsewhere says that an account cannot be linked, since it, or its place, is taken.
	ErrLinkedElsewhere = errors.New("already_linked")
	// ErrUnknownAccount says that the caller has no such account linked.
	ErrUnknownAccount = errors.New("unknown_account")
	// ErrLastWayIn says that the caller could not sign in any more.
	ErrLastWayIn = errors.New("last_way_in")
	// ErrUnknownSession says that the caller has no such session (any more).
	ErrUnknownSession = errors.New("unknown_session")
	// ErrTooManyRequests asks the caller to wait. It says the same as ErrUnavailable, of which it is not a
	// case: here the caller is at fault.
	ErrTooManyRequests = errors.New("temporarily_unavailable")
	// ErrUnavailable says that the service cannot do its work right now.
	ErrUnavailable = errors.New("temporarily_unavailable")
)

// Error is a refusal: what the person is told, and the cause, which only the log sees.
type Error struct {
	Name        error         // one of the above
	Description string        // what a person can do about it, in ASCII
	RetryAfter  time.Duration // 0: not worth trying again
	Cause       error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Cause == nil {
		return fmt.Sprintf("%s: %s", e.Name, e.Description)
	}
	return fmt.Sprintf("%s: %s: %s", e.Name, e.Description, e.Cause)
}

// Unwrap lets errors.Is find the name and the cause.
func (e *Error) Unwrap() []error { return []error{e.Name, e.Cause} }

var errInvalidToken = &Error{Name: ErrInvalidToken, Description: "This user cannot do that (any more). Sign in again."}

func invalidRequest(description string) error {
	return &Error{Name: ErrInvalidRequest, Description: description}
}

// retry is how long to wait when the service could not do its work.
const retry = 2 * time.Second

func unavailable(description string, cause error) error {
	return &Error{Name: ErrUnavailable, Description: description, RetryAfter: retry, Cause: cause}
}

func storeFailed(err error) error {
	return unavailable("The service cannot reach its storage right now. Try again shortly.", err)
}

// userFailed is storeFailed where not finding means that the user is gone.
func userFailed(err error) error {
	if errors.Is(err, identity.ErrNotFound) {
		return errInvalidToken
	}
	return storeFailed(err)
}

// sentence makes a description of a rule's error. RFC 6749 §5.2 has no double quotes in descriptions.
func sentence(err error) string {
	text := strings.ReplaceAll(err.Error(), `"`, "'")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
