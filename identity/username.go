package identity

import (
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
)

const maxUsernameBytes = 128

// CanonicalUsername returns the form in which names are compared: RFC 8265 UsernameCaseMapped. Full-width, upper-case
// and decomposed spellings of a name are the same name. It rejects spaces, control characters and mixed writing
// directions.
func CanonicalUsername(name string) (string, error) {
	if name == "" || len(name) > maxUsernameBytes {
		return "", errors.New("a user name must be 1 to 128 bytes long")
	}
	if !utf8.ValidString(name) {
		return "", errors.New("a user name must be UTF-8 text")
	}
	canonical, err := precis.UsernameCaseMapped.String(name)
	if err != nil {
		return "", errors.New("a user name must not contain spaces, control or formatting characters (RFC 8265)")
	}
	if strings.HasPrefix(canonical, userPrefix) {
		return "", errors.New(`a user name must not begin with "u_", which marks user ids`)
	}
	return canonical, nil
}

// DisplayUsername returns the form that is shown: as the user wrote it, in Unicode's composed form (NFC).
func DisplayUsername(name string) string { return norm.NFC.String(name) }
