package oauth

import (
	"strings"
	"unicode/utf8"
)

// Parameters are the parameters of a request's form. Each occurs once and none is empty (RFC 6749 §3.1), which the code
// that reads the form checks.
type Parameters map[string][]string

// Get returns a parameter, or "" if it is missing.
func (p Parameters) Get(name string) string {
	if values := p[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

const maxCodeLength = 512

// ValidCode reports whether a text can be a platform's code: 1 to 512 visible ASCII characters.
func ValidCode(text string) bool { return text != "" && len(text) <= maxCodeLength && Visible(text) }

// CleanText reports whether a text is UTF-8 without control characters, which databases reject and which garble logs.
func CleanText(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// Visible reports whether a text consists of visible ASCII characters only, as codes and keys must.
func Visible(text string) bool {
	for _, b := range []byte(text) {
		if b < '!' || b > '~' {
			return false
		}
	}
	return true
}
