// Package access checks, introspects, verifies and revokes tokens, answers userinfo requests, and lists ended
// sessions. It issues no tokens.
//
// Unlike offline verifiers it rejects tokens as soon as their session has ended or their client is disabled. Errors
// for clients are of type [oauth.Error].
package access
