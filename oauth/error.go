package oauth

import (
	"errors"
	"fmt"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// Error is an error response with its cause, which is only logged.
type Error struct {
	Code        Code
	Description string         // tells people what to do, in ASCII without double quotes (RFC 6749 §5.2)
	RetryAfter  time.Duration  // 0 if trying again does not help
	Scope       string         // the required scope, for InsufficientScope (RFC 6750 §3)
	Members     map[string]any // further members of the response, such as wechat_errcode; may be nil
	Cause       error          // may be nil
	ClientID    string         // the client of the request, for the log; "" if unknown
}

// NewError returns an error with a code and a description.
func NewError(code Code, description string) *Error {
	return &Error{Code: code, Description: description}
}

// Error implements error.
func (e *Error) Error() string {
	if e.Cause == nil {
		return fmt.Sprintf("%s: %s", e.Code, e.Description)
	}
	return fmt.Sprintf("%s: %s: %s", e.Code, e.Description, e.Cause)
}

// Unwrap returns the code and the cause, so that errors.Is finds them.
func (e *Error) Unwrap() []error { return []error{e.Code, e.Cause} }

// Unavailable returns a TemporarilyUnavailable error with the time after which the client should try again.
func Unavailable(description string, retryAfter time.Duration, cause error) *Error {
	return &Error{Code: TemporarilyUnavailable, Description: description, RetryAfter: retryAfter, Cause: cause}
}

// storeRetry is the Retry-After if a store has failed.
const storeRetry = 2 * time.Second

// StoreFailed converts a store's error to TemporarilyUnavailable. It returns ServerError for identity.ErrUnusable,
// which only the operator can fix.
func StoreFailed(err error) *Error {
	if errors.Is(err, identity.ErrUnusable) {
		return &Error{
			Code: ServerError, Cause: err,
			Description: "The app cannot be used with this server's configuration. The operator must fix it.",
		}
	}
	return Unavailable("The service cannot reach its storage right now. Try again shortly.", storeRetry, err)
}
