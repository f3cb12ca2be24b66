package accounts

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/lingpai/lingpai/identity"
)

// checkUsername says whether somebody may choose a user name. It is stricter than signing in, since names that are there stay.
func checkUsername(username string) error {
	canonical, err := identity.CanonicalUsername(username)
	if err != nil {
		return invalidRequest(sentence(err))
	}
	if looksLikeAnother(canonical) {
		return invalidRequest("This user name could be taken for another one: use the letters of one script.")
	}
	return nil
}

// latinTwins are letters that look like Latin ones: small Cyrillic, then small Greek.
const latinTwins = "аеорсухіјѕһԁӏԛԝѵ" + "ονρ"

// oneScript are the scripts that people write in one word: Chinese, Japanese and Korean, with Latin letters between.
func oneScript() []string {
	return []string{"Latin", "Han", "Hiragana", "Katakana", "Bopomofo", "Hangul"}
}

// looksLikeAnother says whether a canonical name mixes scripts that are not written together, or consists of nothing but twins of Latin
// letters. It is the rule of browsers for domain names (UTS 39 §5.2, "highly restrictive"), and like theirs it leaves l and 1 alone.
func looksLikeAnother(name string) bool {
	var first string
	letters := 0
	for _, r := range name {
		script := scriptOf(r)
		switch {
		case script == "Common" || script == "Inherited":
			continue
		case first == "":
			first = script
		case script != first && !(slices.Contains(oneScript(), script) && slices.Contains(oneScript(), first)):
			return true
		}
		if !strings.ContainsRune(latinTwins, r) {
			letters++
		}
	}
	return first != "" && letters == 0
}

func scriptOf(r rune) string {
	for name, script := range unicode.Scripts {
		if unicode.Is(script, r) {
			return name
		}
	}
	return ""
}

// checkFree says early what the store would say late. ErrTaken.
func (a *Accounts) checkFree(ctx context.Context, username string) error {
	_, err := a.Users.FindByUsername(ctx, username)
	switch {
	case err == nil:
		return nameFailed(identity.ErrExists)
	case errors.Is(err, identity.ErrNotFound):
		return nil
	}
	return storeFailed(err)
}

// nameFailed turns the store's refusal of a name into ours.
func nameFailed(err error) error {
	if errors.Is(err, identity.ErrExists) {
		return &Error{Name: ErrTaken, Description: "Somebody has this user name, perhaps in another spelling. Choose another one."}
	}
	return userFailed(err)
}
