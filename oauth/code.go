package oauth

import (
	"net/http"
	"slices"
)

// Code is an error code, the member "error" of an answer, with the HTTP status that goes with it. Two codes may
// share a name where the status alone tells them apart. A Code is an error, so that errors.Is finds it.
type Code struct {
	name   string
	status int
}

// Error implements error: it is the code's name.
func (c Code) Error() string { return c.name }

// Status is the HTTP status that the code is answered with.
func (c Code) Status() int { return c.status }

// The codes, and the one table from a code to its status.
var (
	// RFC 6749 §5.2.
	InvalidRequest       = newCode("invalid_request", http.StatusBadRequest)
	InvalidClient        = newCode("invalid_client", http.StatusUnauthorized)
	InvalidGrant         = newCode("invalid_grant", http.StatusBadRequest)
	UnauthorizedClient   = newCode("unauthorized_client", http.StatusBadRequest)
	UnsupportedGrantType = newCode("unsupported_grant_type", http.StatusBadRequest)
	InvalidScope         = newCode("invalid_scope", http.StatusBadRequest)

	// RFC 6749 §4.1.2.1.
	ServerError            = newCode("server_error", http.StatusInternalServerError)
	TemporarilyUnavailable = newCode("temporarily_unavailable", http.StatusServiceUnavailable)
	// TooManyRequests asks the caller to wait: the caller, not the server, is the reason. RFC 6749 has no name for
	// it at the token endpoint.
	TooManyRequests = newCode("temporarily_unavailable", http.StatusTooManyRequests)

	// RFC 6750 §3.1: of a bearer token.
	InvalidToken      = newCode("invalid_token", http.StatusUnauthorized)
	InsufficientScope = newCode("insufficient_scope", http.StatusForbidden)
	// InsufficientUserAuthentication means that the token is not enough: the user must be authenticated anew, in the
	// same request (RFC 9470 §3).
	InsufficientUserAuthentication = newCode("insufficient_user_authentication", http.StatusUnauthorized)
	// LoginRequired means that nothing can be done before the user signs in again (the name is OpenID Connect Core
	// §3.1.2.6's).
	LoginRequired = newCode("login_required", http.StatusBadRequest)
	// UnsupportedTokenType means that a token is of a kind that cannot be revoked (RFC 7009 §2.2.1).
	UnsupportedTokenType = newCode("unsupported_token_type", http.StatusBadRequest)

	// NotFound means that there is no endpoint at that path (RFC 9110 §15.5.5). The name is ours.
	NotFound = newCode("not_found", http.StatusNotFound)

	// What HTTP itself refuses is an invalid request too, with a status of its own (RFC 9110 §15.5).
	MethodNotAllowed     = newCode("invalid_request", http.StatusMethodNotAllowed)
	ContentTooLarge      = newCode("invalid_request", http.StatusRequestEntityTooLarge)
	UnsupportedMediaType = newCode("invalid_request", http.StatusUnsupportedMediaType)

	// Ours, about WeChat's services.

	// InvalidData means that encrypted or signed data is not what WeChat made for its user.
	InvalidData = newCode("invalid_data", http.StatusBadRequest)
	// UnknownUser means that a back end named somebody who is no user of its app.
	UnknownUser = newCode("unknown_user", http.StatusBadRequest)
	// OverBudget means that an app has used up what its operator pays for.
	OverBudget = newCode("over_budget", http.StatusForbidden)

	// Ours, about people's own accounts.

	// UsernameTaken means that somebody has that user name, in whichever spelling.
	UsernameTaken = newCode("username_taken", http.StatusConflict)
	// WeakPassword means that a password must not be set.
	WeakPassword = newCode("weak_password", http.StatusBadRequest)
	// AlreadyLinked means that an account cannot be linked, since it, or its place, is taken.
	AlreadyLinked = newCode("already_linked", http.StatusConflict)
	// UnknownAccount means that the user has no such account linked.
	UnknownAccount = newCode("unknown_account", http.StatusNotFound)
	// LastWayIn means that the user could not sign in any more.
	LastWayIn = newCode("last_way_in", http.StatusConflict)
	// UnknownSession means that the user has no such session, or not any more.
	UnknownSession = newCode("unknown_session", http.StatusNotFound)
)

// Codes returns every code.
func Codes() []Code { return slices.Clone(codes) }

// codes are all that newCode made.
var codes []Code

func newCode(name string, status int) Code {
	code := Code{name, status}
	codes = append(codes, code)
	return code
}
