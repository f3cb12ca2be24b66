package clients

import "strings"

// FieldError reports an invalid field of a record, or an invalid argument of an action.
type FieldError struct {
	Field  string // the JSON name: "client_id", "grants", "access_ttl", "phone_budget" ...
	Reason string // what is wrong, without the name of the field
}

// Error implements error.
func (e FieldError) Error() string { return e.Field + ": " + e.Reason }

// FieldErrors reports all invalid fields of a record.
type FieldErrors []FieldError

// Error implements error. It returns one line for each field error.
func (e FieldErrors) Error() string {
	lines := make([]string, len(e))
	for n, err := range e {
		lines[n] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the field errors, so that errors.As finds the first one.
func (e FieldErrors) Unwrap() []error {
	errs := make([]error, len(e))
	for n, err := range e {
		errs[n] = err
	}
	return errs
}

// asError returns e as an error, or nil if e is empty.
func (e FieldErrors) asError() error {
	if len(e) == 0 {
		return nil
	}
	return e
}
