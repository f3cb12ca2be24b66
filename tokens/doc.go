// Package tokens turns an authorization into access, ID and refresh tokens. It is the one mint: tokens look
// alike whichever grant earned them.
//
// It owns the formats (RFC 9068 access tokens, OpenID Connect ID tokens, our refresh tokens) and the decision
// what a presented refresh token means. It does not own who may have tokens (grants), nor keys, nor where
// sessions are kept.
package tokens
