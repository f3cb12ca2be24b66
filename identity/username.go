package identity

import (
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
)

const maxUsernameBytes = 128

// CanonicalUsername is the form by which names are compared: RFC 8265 UsernameCaseMapped, so that full-width,
// upper-case and decomposed spellings of one name are one name. It refuses spaces, control characters and
// mixed writing directions.
func CanonicalUsername(name string) (string, error) {
	if name == "" || len(name) > maxUsernameBytes {
		return "", errors.New("a user name has 1 to 128 bytes")
	}
	if !utf8.ValidString(name) {
		return "", errors.New("a user name is UTF-8 text")
	}
	canonical, err := precis.UsernameCaseMapped.String(name)
	if err != nil {
		return "", errors.New("a user name has no spaces, control or formatting characters (RFC 8265)")
	}
	if strings.HasPrefix(canonical, userPrefix) {
		return "", errors.New(`a user name must not begin with "u_", which marks ids`)
	}
	return canonical, nil
}

// DisplayUsername is the form that is shown: as the person wrote it, in Unicode's composed form.
func DisplayUsername(name string) string { return norm.NFC.String(name) }
