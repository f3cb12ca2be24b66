package wechat

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "***"

// A Secret is a string that does not print itself. It is formatted, logged and encoded as three
// asterisks; [Secret.Reveal] returns the text. Keep it in exported fields: fmt calls no methods on
// unexported ones.
type Secret string

// Reveal returns the text of the secret.
func (s Secret) Reveal() string { return string(s) }

// String returns three asterisks.
func (Secret) String() string { return redacted }

// GoString returns three asterisks.
func (Secret) GoString() string { return redacted }

// Format writes three asterisks whatever the verb is. Without it a wrong verb
// such as %d would print the text inside fmt's complaint.
func (Secret) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, redacted)
}

// LogValue returns three asterisks.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON returns three asterisks as a JSON string.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns three asterisks.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
