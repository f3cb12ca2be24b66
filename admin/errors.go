package admin

import (
	"errors"
	"fmt"

	"github.com/lingpai/lingpai/identity"
)

// UnknownError means that there is no such client, app, user or session. It wraps [identity.ErrNotFound].
type UnknownError struct {
	What string // "client", "app", "user", "active session"
	Name string // the argument of the caller
}

// Error implements error.
func (e UnknownError) Error() string { return fmt.Sprintf("there is no %s %q", e.What, e.Name) }

// Unwrap implements errors.Unwrap.
func (e UnknownError) Unwrap() error { return identity.ErrNotFound }

// unknown converts identity.ErrNotFound to an UnknownError. It returns any other error unchanged.
func unknown(err error, what, name string) error {
	if errors.Is(err, identity.ErrNotFound) {
		return UnknownError{what, name}
	}
	return err
}

// RefusedError means that an action is not possible in the current state.
type RefusedError struct {
	Reason string // a sentence for the operator
	Cause  error  // the store's error, or nil
}

// Error implements error.
func (e RefusedError) Error() string { return e.Reason }

// Unwrap implements errors.Unwrap.
func (e RefusedError) Unwrap() error { return e.Cause }

func refused(cause error, format string, args ...any) RefusedError {
	return RefusedError{Reason: fmt.Sprintf(format, args...), Cause: cause}
}
