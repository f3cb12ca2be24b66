// Package signin authenticates users: by user name and password, or by a code of a platform such as WeChat. It limits
// attempts. It issues no tokens. The token endpoint uses it, and the account API for its proofs.
//
// Errors for clients are of type [oauth.Error].
package signin
