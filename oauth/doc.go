// Package oauth contains the types and constants of OAuth 2.0 and OpenID Connect that all services share: error codes
// with their HTTP status, [Error], the names of grant types and scopes, and request parameters.
package oauth
