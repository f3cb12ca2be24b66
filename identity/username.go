package identity

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.mau.fi/util/confusable"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
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

// Username is a user name in the forms that are stored.
type Username struct {
	Shown    string // as the user wrote it, in Unicode's composed form (NFC)
	Key      string // canonical: see CanonicalUsername
	Skeleton string // what the name looks like, in any case: see Resembles
}

// NewUsername returns the forms of a name that a user is about to get. It returns an error of CanonicalUsername or of
// Username.CheckNew.
func NewUsername(name string) (Username, error) {
	n, err := UsernameOf(name)
	if err == nil {
		err = n.CheckNew()
	}
	if err != nil {
		return Username{}, err
	}
	return n, nil
}

// UsernameOf returns the forms of a name that a user has. It returns an error of CanonicalUsername.
func UsernameOf(name string) (Username, error) {
	key, err := CanonicalUsername(name)
	if err != nil {
		return Username{}, err
	}
	return Username{Shown: norm.NFC.String(name), Key: key, Skeleton: skeleton(name)}, nil
}

// CheckNew checks a name that a user is about to get. Users who have a name keep it, whatever this rejects. It rejects
// a name with
//   - characters beyond ASCII that are not in common use in names (UTS 39 §3.1, Identifier_Status),
//   - characters beyond ASCII that make it look like a reserved name.
func (n Username) CheckNew() error {
	switch {
	case strings.ContainsFunc(n.Key, func(r rune) bool { return r > unicode.MaxASCII && !allowedInNames(r) }):
		return errors.New("a user name must not contain signs, nor letters that are out of use (UTS 39, " +
			"Identifier_Status)")
	case !n.ASCII() && looksReserved(n.Skeleton):
		return errors.New("this user name looks like one that is reserved, such as admin or root")
	}
	return nil
}

// ASCII reports whether the name has no characters beyond ASCII, in its canonical form.
func (n Username) ASCII() bool {
	return strings.IndexFunc(n.Key, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// Resembles reports whether two different names can be mistaken for each other: they have the same skeleton, and at
// least one has characters beyond ASCII. Two names in ASCII never resemble each other, such as modern and modem.
func (n Username) Resembles(other Username) bool {
	return n.Skeleton == other.Skeleton && n.Key != other.Key && !(n.ASCII() && other.ASCII())
}

// skeleton returns the skeleton of UTS 39 §4 of a name, regardless of case. A letter that looks like a capital one
// looks like the small one here, since names are compared in any case: with a capital eta, Ηello looks like hello. So
// do l and I, the capital of i.
func skeleton(name string) string {
	lower := strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII {
			return r // its look-alike may be a capital letter
		}
		return unicode.ToLower(r)
	}, width.Fold.String(name))
	lower = strings.ToLower(confusable.Skeleton(lower))
	return strings.ReplaceAll(confusable.Skeleton(lower), "i", "l")
}
