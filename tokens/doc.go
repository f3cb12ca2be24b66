// Package tokens issues and reads access, ID and refresh tokens. The tokens do not depend on the grant.
//
// It owns the formats (RFC 9068 access tokens, OpenID Connect ID tokens, refresh tokens), the meaning of a presented
// refresh token, and the list of revocations. Package grants decides who gets tokens.
package tokens
