package identity

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that must not appear in a log, an error or a response: every way of printing it yields "***".
// [Secret.Reveal] returns the text.
type Secret string

const masked = "***"

// Reveal returns the text itself. Call it only where the secret is used.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (Secret) String() string { return masked }

// Format implements fmt.Formatter: no verb shows the text.
func (Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, masked) }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalText implements encoding.TextMarshaler, and so JSON and YAML.
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }
