package oauth

// Parameters are those of a request's form, in which each stands once and none is empty (RFC 6749 §3.1): whoever
// read the form has refused anything else.
type Parameters map[string][]string

// Get returns a parameter, or "".
func (p Parameters) Get(name string) string {
	if values := p[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Visible reports whether a text is of visible ASCII characters only, as codes and keys are.
func Visible(text string) bool {
	for _, b := range []byte(text) {
		if b < '!' || b > '~' {
			return false
		}
	}
	return true
}
