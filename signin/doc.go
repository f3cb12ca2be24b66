// Package signin proves who a person is: by user name and password, or by a code of a platform such as WeChat. It
// counts the tries, and issues nothing: the token endpoint, and the account API for its proofs, ask it alike.
//
// Errors for the caller are of package oauth.
package signin
