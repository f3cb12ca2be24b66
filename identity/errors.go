package identity

import "errors"

var (
	// ErrNotFound means that there is no such record.
	ErrNotFound = errors.New("not found")
	// ErrExists means that a name or key is taken; nothing was changed.
	ErrExists = errors.New("already exists")
	// ErrUnusable means that a record exists but cannot be used with this configuration: its secret cannot be
	// decrypted, or must not be sent to the configured address.
	ErrUnusable = errors.New("unusable with this configuration")
	// ErrLastWayIn means that the user could not sign in any more after the change.
	ErrLastWayIn = errors.New("the last way to sign in")
	// ErrStale means that the user was disabled or changed since the caller read it, so the caller must not write
	// what it derived from that reading.
	ErrStale = errors.New("the user was changed in the meantime")
)
