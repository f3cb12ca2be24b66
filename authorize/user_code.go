package authorize

import (
	"crypto/rand"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// userCodeLetters are easy to tell apart and spell no words (RFC 8628 §6.1). A code has userCodeSize of them: 34 bits.
const (
	userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"
	userCodeSize    = 8
	maxUserCode     = 64 // bytes of what somebody has typed
)

// newUserCode returns a random user code without its hyphen.
func newUserCode() string {
	const fair = 256 - 256%len(userCodeLetters) // each letter for as many bytes
	code := make([]byte, 0, userCodeSize)
	for b := make([]byte, 1); len(code) < userCodeSize; {
		rand.Read(b) // never returns an error (crypto/rand)
		if int(b[0]) < fair {
			code = append(code, userCodeLetters[int(b[0])%len(userCodeLetters)])
		}
	}
	return string(code)
}

// shownUserCode returns a user code as people read it.
func shownUserCode(code string) string { return code[:userCodeSize/2] + "-" + code[userCodeSize/2:] }

// parseUserCode reads a user code as somebody has typed it: in any case, in full width, with spaces and hyphens
// anywhere.
func parseUserCode(typed string) (code string, ok bool) {
	if len(typed) > maxUserCode {
		return "", false
	}
	code = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) {
			return -1
		}
		return unicode.ToUpper(r)
	}, width.Fold.String(typed))
	return code, len(code) == userCodeSize && strings.Trim(code, userCodeLetters) == ""
}
