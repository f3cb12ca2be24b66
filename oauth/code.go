package oauth

import (
	"net/http"
	"slices"
)

// Code is an error code, the member "error" of a response, with its HTTP status. Two codes may have the same name and
// differ only in the status. A Code is an error, so that errors.Is finds it.
type Code struct {
	name   string
	status int
}

// Error implements error. It returns the code's name.
func (c Code) Error() string { return c.name }

// Status returns the HTTP status of a response with the code.
func (c Code) Status() int { return c.status }

// The error codes.
var (
	// RFC 6749 §5.2.
	InvalidRequest       = newCode("invalid_request", http.StatusBadRequest)
	InvalidClient        = newCode("invalid_client", http.StatusUnauthorized)
	InvalidGrant         = newCode("invalid_grant", http.StatusBadRequest)
	UnauthorizedClient   = newCode("unauthorized_client", http.StatusBadRequest)
	UnsupportedGrantType = newCode("unsupported_grant_type", http.StatusBadRequest)
	InvalidScope         = newCode("invalid_scope", http.StatusBadRequest)

	// InvalidTarget means that a resource is malformed, or that the client may not have tokens for it (RFC 8707 §2).
	InvalidTarget = newCode("invalid_target", http.StatusBadRequest)

	// RFC 6749 §4.1.2.1.
	ServerError            = newCode("server_error", http.StatusInternalServerError)
	TemporarilyUnavailable = newCode("temporarily_unavailable", http.StatusServiceUnavailable)
	// TooManyRequests means that the caller has sent too many requests and must wait. RFC 6749 has no code for it at
	// the token endpoint.
	TooManyRequests = newCode("temporarily_unavailable", http.StatusTooManyRequests)

	// RFC 6749 §4.1.2.1 and OpenID Connect Core §3.1.2.6, at the authorization endpoint.
	AccessDenied             = newCode("access_denied", http.StatusForbidden)
	UnsupportedResponseType  = newCode("unsupported_response_type", http.StatusBadRequest)
	ConsentRequired          = newCode("consent_required", http.StatusBadRequest)
	AccountSelectionRequired = newCode("account_selection_required", http.StatusBadRequest)
	RequestNotSupported      = newCode("request_not_supported", http.StatusBadRequest)
	RequestURINotSupported   = newCode("request_uri_not_supported", http.StatusBadRequest)
	// InvalidRequestURI means that a request_uri is not that of a pushed request (RFC 9126 §2.3, OpenID Connect Core
	// §6.2).
	InvalidRequestURI        = newCode("invalid_request_uri", http.StatusBadRequest)
	RegistrationNotSupported = newCode("registration_not_supported", http.StatusBadRequest)
	// UnmetAuthenticationRequirements means that the user cannot be authenticated as the client requires (OpenID
	// Connect Core Unmet Authentication Requirements §2).
	UnmetAuthenticationRequirements = newCode("unmet_authentication_requirements", http.StatusBadRequest)

	// RFC 8628 §3.5, while a device waits for its user. DeviceDenied is AccessDenied at the token endpoint.
	AuthorizationPending = newCode("authorization_pending", http.StatusBadRequest)
	SlowDown             = newCode("slow_down", http.StatusBadRequest)
	ExpiredToken         = newCode("expired_token", http.StatusBadRequest)
	DeviceDenied         = newCode("access_denied", http.StatusBadRequest)

	// RFC 6750 §3.1, for bearer tokens.
	InvalidToken      = newCode("invalid_token", http.StatusUnauthorized)
	InsufficientScope = newCode("insufficient_scope", http.StatusForbidden)
	// InsufficientUserAuthentication means that the token is not enough: the user must authenticate again, in the same
	// request (RFC 9470 §3).
	InsufficientUserAuthentication = newCode("insufficient_user_authentication", http.StatusUnauthorized)
	// LoginRequired means that the user must sign in again first. The name is from OpenID Connect Core §3.1.2.6.
	LoginRequired = newCode("login_required", http.StatusBadRequest)
	// UnsupportedTokenType means that a token is of a kind that cannot be revoked (RFC 7009 §2.2.1).
	UnsupportedTokenType = newCode("unsupported_token_type", http.StatusBadRequest)

	// NotFound means that there is no endpoint at the path (RFC 9110 §15.5.5). The name is not from an RFC.
	NotFound = newCode("not_found", http.StatusNotFound)

	// Invalid requests with their own HTTP status (RFC 9110 §15.5).
	MethodNotAllowed     = newCode("invalid_request", http.StatusMethodNotAllowed)
	ContentTooLarge      = newCode("invalid_request", http.StatusRequestEntityTooLarge)
	UnsupportedMediaType = newCode("invalid_request", http.StatusUnsupportedMediaType)

	// Codes of this server about WeChat's services.

	// InvalidData means that encrypted or signed data was not created by WeChat for the user.
	InvalidData = newCode("invalid_data", http.StatusBadRequest)
	// UnknownUser means that a back end sent the sub of somebody who is not a user of its app.
	UnknownUser = newCode("unknown_user", http.StatusBadRequest)
	// OverBudget means that an app has used up its budget for paid calls.
	OverBudget = newCode("over_budget", http.StatusForbidden)

	// Codes of this server about users' own accounts.

	// UsernameTaken means that another user has the user name, perhaps in another spelling.
	UsernameTaken = newCode("username_taken", http.StatusConflict)
	// WeakPassword means that a new password is not allowed.
	WeakPassword = newCode("weak_password", http.StatusBadRequest)
	// AlreadyLinked means that an account belongs to another user, or the user has another account of the same app.
	AlreadyLinked = newCode("already_linked", http.StatusConflict)
	// UnknownAccount means that the user has not linked such an account.
	UnknownAccount = newCode("unknown_account", http.StatusNotFound)
	// LastWayIn means that an account cannot be unlinked because the user could not sign in any more.
	LastWayIn = newCode("last_way_in", http.StatusConflict)
	// UnknownSession means that the user has no such session, or that it has ended.
	UnknownSession = newCode("unknown_session", http.StatusNotFound)
	// UnknownConsent means that the user has not allowed the client anything.
	UnknownConsent = newCode("unknown_consent", http.StatusNotFound)
)

// Codes returns all codes.
func Codes() []Code { return slices.Clone(codes) }

// codes are all codes that newCode has created.
var codes []Code

func newCode(name string, status int) Code {
	code := Code{name, status}
	codes = append(codes, code)
	return code
}
