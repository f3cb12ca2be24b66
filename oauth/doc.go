// Package oauth holds the words of OAuth 2.0 and OpenID Connect that all services share: error codes with the
// HTTP status each is answered with, the one [Error], names of grant types and scopes, and request parameters.
//
// It decides nothing, and reaches no store, no token and no HTTP request.
package oauth
