// Package signin authenticates users: by user name and password, or by a code of a platform such as WeChat. It limits
// attempts. It issues no tokens. The token endpoint uses it to sign users in, and the account API to check proofs.
//
// Errors for clients are of type [oauth.Error].
package signin
