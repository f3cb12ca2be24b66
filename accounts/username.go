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

// checkUsername says whether somebody may choose a user name. It is stricter than signing in, since names
// that are there stay.
func checkUsername(username string) error {
	if _, err := identity.CanonicalUsername(username); err != nil {
		return oauth.NewError(oauth.InvalidRequest, sentence(err))
	}
	if strings.ContainsFunc(norm.NFC.String(username), foreign) {
		return oauth.NewError(oauth.InvalidRequest,
			"This user name could be taken for another one: use Latin letters, Chinese, "+
				"Japanese or Korean, and digits.")
	}
	return nil
}

// foreign says whether a letter is of a script that is not written together with Latin, or of those parts of
// Latin that only look like others: phonetic and mathematical letters, marks that go on top of one, and
// digits of others. Cyrillic, Greek, Lisu and Cherokee have whole words of look-alikes. It is the rule of
// browsers for domain names in these languages (UTS 39 §5.2, "highly restrictive"), and like theirs it leaves
// l and 1 alone.
func foreign(r rune) bool {
	switch {
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Hangul):
		return false
	case unicode.IsLetter(r):
		return !(r <= unicode.MaxLatin1 || r <= lastLatinExtendedB && unicode.Is(unicode.Latin, r) || fullWidth(r))
	}
	return unicode.IsMark(r) || unicode.IsDigit(r) && r > '9' && (r < 0xff10 || r > 0xff19)
}

const lastLatinExtendedB = 0x24f

// fullWidth letters become plain ones in the canonical name.
func fullWidth(r rune) bool { return unicode.Is(unicode.Latin, r) && r >= 0xff21 && r <= 0xff5a }

// checkFree says early what the store would say late. oauth.UsernameTaken.
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

// nameFailed turns the store's refusal of a name into ours.
func nameFailed(err error) error {
	if errors.Is(err, identity.ErrExists) {
		return &oauth.Error{Code: oauth.UsernameTaken, Description: "Somebody has this user name, perhaps in another " +
			"spelling. Choose another one."}
	}
	return userFailed(err)
}
