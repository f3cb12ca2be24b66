// Package identity holds the nouns of the house (user, account at a platform, app, client, session) and says
// what a store must do for each.
//
// It owns the rules that follow from a noun alone: what an identifier looks like, what a user name means. It
// does not own any technology: no SQL, no HTTP, no JWT. Stores implement its interfaces; everything above
// asks for them.
//
// Every method that takes a context returns that context's error when it ends. Instants are kept to the
// millisecond. An error that is none of the names below means that the store could not do its work: nothing
// was changed, and the caller may try again.
package identity

import "errors"

var (
	// ErrNotFound says that there is no such thing.
	ErrNotFound = errors.New("not found")
	// ErrExists says that a name or key is taken; nothing was changed.
	ErrExists = errors.New("already exists")
	// ErrUnusable says that a thing is there but cannot be used with this configuration: its secret cannot be
	// opened, or must not be sent where it would go.
	ErrUnusable = errors.New("unusable with this configuration")
	// ErrLastWayIn says that a user could not sign in any more if that were taken away.
	ErrLastWayIn = errors.New("the last way to sign in")
	// ErrStale says that the user was disabled or changed since the caller read it, so what followed from
	// that reading must not be written.
	ErrStale = errors.New("the user was changed in the meantime")
)
