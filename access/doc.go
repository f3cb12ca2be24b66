// Package access knows what a presented token is good for: it checks, introspects, verifies and revokes tokens,
// returns what their users let a client know, and lists sessions that ended. It issues nothing.
//
// Unlike offline verifiers it sees at once that a session has ended or a client is disabled. Errors for the caller
// are of package oauth.
package access
