package oauth

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

// Visible reports whether a text consists of visible ASCII characters only, as codes and keys must.
func Visible(text string) bool {
	for _, b := range []byte(text) {
		if b < '!' || b > '~' {
			return false
		}
	}
	return true
}
