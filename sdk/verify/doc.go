// Package verify checks Lingpai's access tokens in a Go API, without a request to Lingpai for each.
//
// [New] reads the issuer's metadata and key set, [Verifier.Middleware] passes on only requests with a valid token,
// [FromContext] returns its claims to a handler, and [RequireScope] and [RequireRole] check for scopes and roles.
// Other requests are answered according to RFC 6750 §3. [WithResource] publishes where tokens for the API come from.
//
// A token is valid if it is a compact JWS with RS256 and type at+jwt (RFC 9068 §4), signed by a key of the issuer's
// current key set, for this audience, and not expired. Everything else is rejected, and nothing in a token decides
// where a key comes from (RFC 8725 §3).
//
// Sessions that end before their access tokens expire are only noticed with [WithRevocations]. Tokens are accepted
// only in the Authorization header, and only of one algorithm and one issuer.
package verify
