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
