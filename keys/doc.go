// Package keys manages the keys of the server: it signs and verifies tokens, publishes the key set, and encrypts
// secrets for the database.
//
// Only this package handles private keys, refresh secrets and master keys, and only it uses jwx: elsewhere a token is
// bytes, and a key set is bytes with an ETag. It depends neither on how keys are stored (see [Store]) nor on the
// content of tokens.
package keys
