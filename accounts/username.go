package accounts

import (
	"context"
	"errors"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// checkUsername returns oauth.InvalidRequest if a new user name is not allowed. It is stricter than the check at
// sign-in, because existing names stay valid.
func checkUsername(username string) error {
	if _, err := identity.CanonicalUsername(username); err != nil {
		return oauth.NewError(oauth.InvalidRequest, sentence(err))
	}
	if strings.ContainsFunc(norm.NFC.String(username), confusable) {
		return oauth.NewError(oauth.InvalidRequest,
			"This user name could be confused with another one: use Latin, Chinese, Japanese or Korean letters "+
				"and digits.")
	}
	return nil
}

// confusable reports whether a character could be confused with another one: letters of scripts that are not mixed with
// Latin, phonetic and mathematical Latin letters, combining marks, and digits of other scripts. Cyrillic, Greek, Lisu
// and Cherokee have whole words of look-alikes. Browsers apply the same rule to domain names in these languages (UTS 39
// §5.2, "highly restrictive"). The rule does not distinguish l and 1.
func confusable(r rune) bool {
	switch {
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Hangul):
		return false
	case unicode.IsLetter(r):
		return !(r <= unicode.MaxLatin1 || r <= lastLatinExtendedB && unicode.Is(unicode.Latin, r) || fullWidth(r))
	}
	return unicode.IsMark(r) || unicode.IsDigit(r) && r > '9' && (r < 0xff10 || r > 0xff19)
}

const lastLatinExtendedB = 0x24f

// fullWidth reports whether a letter is a full-width one, which becomes a plain one in the canonical name.
func fullWidth(r rune) bool { return unicode.Is(unicode.Latin, r) && r >= 0xff21 && r <= 0xff5a }

// checkFree returns oauth.UsernameTaken if a user has the name. The store checks that too, but later.
func (a *Accounts) checkFree(ctx context.Context, username string) error {
	_, err := a.users.FindByUsername(ctx, username)
	switch {
	case err == nil:
		return nameFailed(identity.ErrExists)
	case errors.Is(err, identity.ErrNotFound):
		return nil
	}
	return oauth.StoreFailed(err)
}

// nameFailed converts a store's error. It returns oauth.UsernameTaken for identity.ErrExists.
func nameFailed(err error) error {
	if errors.Is(err, identity.ErrExists) {
		return &oauth.Error{Code: oauth.UsernameTaken, Description: "This user name is taken, perhaps in another " +
			"spelling. Choose another one."}
	}
	return userFailed(err)
}
