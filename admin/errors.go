package admin

import (
	"errors"
	"fmt"

	"github.com/lingpai/lingpai/identity"
)

// UnknownError means that there is no such thing. errors.Is finds [identity.ErrNotFound].
type UnknownError struct {
	What string // "client", "app", "user", "live session"
	Name string // as the caller gave it
}

// Error implements error.
func (e UnknownError) Error() string { return fmt.Sprintf("there is no %s %q", e.What, e.Name) }

// Unwrap implements errors.Unwrap.
func (e UnknownError) Unwrap() error { return identity.ErrNotFound }

// unknown turns a store's ErrNotFound into an UnknownError.
func unknown(err error, what, name string) error {
	if errors.Is(err, identity.ErrNotFound) {
		return UnknownError{what, name}
	}
	return err
}

// RefusedError means that an action is not done as things are.
type RefusedError struct {
	Reason string // a sentence for the operator
	Cause  error  // the store's error; nil: there was none
}

// Error implements error.
func (e RefusedError) Error() string { return e.Reason }

// Unwrap implements errors.Unwrap.
func (e RefusedError) Unwrap() error { return e.Cause }

func refused(cause error, format string, args ...any) RefusedError {
	return RefusedError{Reason: fmt.Sprintf(format, args...), Cause: cause}
}
