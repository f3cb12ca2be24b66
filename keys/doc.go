// Package keys keeps keys: it signs, publishes and seals.
//
// It owns everything that touches a private key, a refresh secret or a master key. jwx lives here and nowhere
// else in the house: outside this package a token is bytes, and a key set is bytes with an ETag. It does not
// own where keys are stored (see [Store]), nor what a token says.
package keys
