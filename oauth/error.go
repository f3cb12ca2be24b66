package oauth

import (
	"errors"
	"fmt"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// Error is a refusal: what the caller is told, and the cause, which only the log sees.
type Error struct {
	Code        Code
	Description string         // what a person can do about it, in ASCII and without double quotes (RFC 6749 §5.2)
	RetryAfter  time.Duration  // 0: not worth trying again
	Scope       string         // that would have been enough, with InsufficientScope (RFC 6750 §3)
	Members     map[string]any // further members of the answer, such as wechat_errcode; nil: none
	Cause       error          // nil: there is none
	ClientID    string         // whose request it was, for the log; empty: no known client's
}

// NewError returns an error that has a description and nothing else.
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

// Unwrap lets errors.Is find the code and the cause.
func (e *Error) Unwrap() []error { return []error{e.Code, e.Cause} }

// Unavailable means that the service cannot do its work right now, and when to come again.
func Unavailable(description string, retryAfter time.Duration, cause error) *Error {
	return &Error{Code: TemporarilyUnavailable, Description: description, RetryAfter: retryAfter, Cause: cause}
}

// storeRetry is how long a client should wait when a store could not do its work.
const storeRetry = 2 * time.Second

// StoreFailed turns a store's own failure into an error that blames nobody and may be tried again, unless only
// the operator can do something about it.
func StoreFailed(err error) *Error {
	if errors.Is(err, identity.ErrUnusable) {
		return &Error{
			Code: ServerError, Cause: err,
			Description: "The app cannot be used as this server is configured. Its operator must mend it.",
		}
	}
	return Unavailable("The service cannot reach its storage right now. Try again shortly.", storeRetry, err)
}
