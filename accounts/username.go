package accounts

import (
	"context"
	"errors"
	"unicode"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// checkUsername returns oauth.InvalidRequest if a user may not choose a name. Operators may give any name that
// identity.NewUsername accepts.
func checkUsername(username string) error {
	name, err := identity.NewUsername(username)
	if err != nil {
		return oauth.NewError(oauth.InvalidRequest, sentence(err))
	}
	if name.Reserved() {
		return oauth.NewError(oauth.InvalidRequest,
			"This user name is reserved: people would take it for an operator's. Choose another one.")
	}
	if !oneScript(name.Key) {
		return oauth.NewError(oauth.InvalidRequest,
			"This user name could be confused with another one: use letters and digits of one script. Only Chinese, "+
				"Japanese and Korean can be mixed, also with Latin.")
	}
	return nil
}

// mixable are the scripts that people mix in names.
var mixable = []*unicode.RangeTable{unicode.Latin, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo,
	unicode.Hangul}

// oneScript reports whether all characters are of one script, or of those that people mix (UTS 39 §5.2, "highly
// restrictive"). Characters of all scripts, such as ASCII digits, may be added. Accents of all scripts may not, unless
// Unicode has the letter with its accent.
func oneScript(name string) bool {
	var scripts []*unicode.RangeTable
	for _, r := range name {
		switch {
		case unicode.Is(unicode.Common, r):
		case unicode.Is(unicode.Inherited, r):
			return false
		case scripts == nil:
			scripts = scriptsWith(r)
		case !unicode.In(r, scripts...):
			return false
		}
	}
	return true
}

// scriptsWith returns the script of a character, and those with which it may be mixed.
func scriptsWith(r rune) []*unicode.RangeTable {
	if unicode.In(r, mixable...) {
		return mixable
	}
	for _, script := range unicode.Scripts {
		if unicode.Is(script, r) {
			return []*unicode.RangeTable{script}
		}
	}
	return []*unicode.RangeTable{}
}

// checkFree returns oauth.UsernameTaken if a user has the name, or one that looks like it. The store checks that too,
// but later.
func (a *Accounts) checkFree(ctx context.Context, username string) error {
	if err := a.users.CheckUsername(ctx, username); err != nil {
		return nameFailed(err)
	}
	return nil
}

// nameFailed converts a store's error. It returns oauth.UsernameTaken for identity.ErrExists.
func nameFailed(err error) error {
	if errors.Is(err, identity.ErrExists) {
		return &oauth.Error{Code: oauth.UsernameTaken, Description: "This user name is taken, perhaps in another " +
			"spelling, or looks like one that is taken. Choose another one."}
	}
	return userFailed(err)
}
