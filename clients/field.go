package clients

import "strings"

// FieldError is a rule that one field of a record, or one argument of an action, breaks.
type FieldError struct {
	Field  string // as the record is shown in JSON: "client_id", "grants", "access_ttl", "phone_budget" ...
	Reason string // a sentence that names no field
}

// Error implements error.
func (e FieldError) Error() string { return e.Field + ": " + e.Reason }

// FieldErrors are all rules that a record breaks, one line each.
type FieldErrors []FieldError

// Error implements error.
func (e FieldErrors) Error() string {
	lines := make([]string, len(e))
	for n, err := range e {
		lines[n] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find the first of them.
func (e FieldErrors) Unwrap() []error {
	errs := make([]error, len(e))
	for n, err := range e {
		errs[n] = err
	}
	return errs
}

// asError is nil if there are none.
func (e FieldErrors) asError() error {
	if len(e) == 0 {
		return nil
	}
	return e
}
