// Package verify checks Lingpai's access tokens in a Go API, without asking Lingpai about each.
//
// [New] reads the issuer's metadata and key set, [Verifier.Middleware] lets only requests with a good token
// through, [FromContext] tells a handler whose it is, and [RequireScope] and [RequireRole] ask for more. What
// is refused is answered as RFC 6750 §3 says.
//
// A token is good if it is a compact JWS of RS256 and of type at+jwt (RFC 9068 §4) that a key of the issuer's
// present key set signed, for this audience, and its time has come and is not over. Everything else is
// refused, and nothing in a token decides where a key comes from (RFC 8725 §3).
//
// That a session was ended before its access token expires it sees with [WithRevocations] only. It takes tokens from
// the Authorization header only, and it knows no other algorithm and no other issuer.
package verify
