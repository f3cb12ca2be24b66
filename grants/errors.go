package grants

import (
	"errors"
	"fmt"
	"time"

	oauth2 "github.com/go-oauth2/oauth2/v4/errors"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/tokens"
)

// Names beside those of RFC 6749 §5.2 that go-oauth2 has.
var (
	// ErrTooManyRequests asks the caller to wait. RFC 6749 has no name for it at the token endpoint, so it
	// borrows §4.1.2.1's.
	ErrTooManyRequests = errors.New("temporarily_unavailable")
	// ErrInvalidToken says that a bearer token is not valid (RFC 6750 §3.1).
	ErrInvalidToken = errors.New("invalid_token")
	// ErrInsufficientScope says that a bearer token does not reach far enough (RFC 6750 §3.1).
	ErrInsufficientScope = errors.New("insufficient_scope")
	// ErrUnsupportedTokenType says that a token is of a kind that cannot be revoked (RFC 7009 §2.2.1).
	ErrUnsupportedTokenType = errors.New("unsupported_token_type")
	// ErrInvalidData says that encrypted or signed data is not what WeChat made for its user.
	ErrInvalidData = errors.New("invalid_data")
	// ErrLoginRequired says that nothing can be done before the user signs in again (OpenID Connect Core
	// §3.1.2.6 has the name).
	ErrLoginRequired = errors.New("login_required")
	// ErrUnknownUser says that a back end named somebody who is no user of its app.
	ErrUnknownUser = errors.New("unknown_user")
	// ErrOverBudget says that an app has used up what its operator pays for.
	ErrOverBudget = errors.New("over_budget")
	// ErrInsufficientAuthentication says that a token does not suffice: its user must be proved anew, in the
	// same request (RFC 9470 §3).
	ErrInsufficientAuthentication = errors.New("insufficient_user_authentication")
)

// Error is a refusal: what the client is told, and the cause, which only the log sees.
type Error struct {
	Name          error         // of RFC 6749, RFC 6750 or RFC 7009
	Description   string        // what a person can do about it, in ASCII
	RetryAfter    time.Duration // 0: not worth trying again
	WechatErrcode int           // WeChat's reason, where the fault is the code's or the user's; 0: none
	Scope         string        // that would have sufficed, for ErrInsufficientScope
	Cause         error
	ClientID      string // whose request it was, for the log; empty: of nobody known
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

func invalidRequest(description string) error {
	return &Error{Name: oauth2.ErrInvalidRequest, Description: description}
}

func invalidGrant(description string) error {
	return &Error{Name: oauth2.ErrInvalidGrant, Description: description}
}

func invalidScope(description string) error {
	return &Error{Name: oauth2.ErrInvalidScope, Description: description}
}

func unavailable(description string, retryAfter time.Duration, cause error) error {
	return &Error{Name: oauth2.ErrTemporarilyUnavailable, Description: description, RetryAfter: retryAfter,
		Cause: cause}
}

// storeRetry is how long a client should wait when a store of ours could not do its work.
const storeRetry = 2 * time.Second

// storeFailed turns a store's own failure into a refusal that blames nobody and may be tried again. Faults
// that trying again does not mend stay what they are.
func storeFailed(err error) error {
	switch {
	case errors.Is(err, tokens.ErrNotSigned):
		return err
	case errors.Is(err, identity.ErrUnusable):
		return &Error{Name: oauth2.ErrServerError,
			Description: "The app cannot be used as this server is configured. Its operator must mend it.", Cause: err}
	}
	return unavailable("The service cannot reach its storage right now. Try again shortly.", storeRetry, err)
}
