package accounts

import (
	"net/mail"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/internal/pattern"
	"github.com/lingpai/lingpai/oauth"
)

const (
	maxNameCodePoints = 128
	maxTextBytes      = 2048 // of a name or an address before normalization, to bound the work
	maxPictureBytes   = 512
	maxLocaleBytes    = 35 // RFC 5646 §4.4.1
	maxEmailBytes     = 254
	maxAddress        = 200 // code points
)

var (
	gender = pattern.Lazy(`^[a-z-]{1,32}$`)
	// picture excludes characters that programs interpret differently in URLs.
	picture = pattern.Lazy("^https://[^\\x00-\\x20\\x7f-\\x{10ffff}\"<>\\\\^`{|}]+$")
	// taggedFlag is a black flag with the letters of a region, such as Scotland (UTS #51, ED-14a).
	taggedFlag = pattern.Lazy(`(\x{1f3f4})[\x{e0030}-\x{e0039}\x{e0061}-\x{e007a}]{1,6}\x{e007f}`)
)

// CheckProfile returns a profile in normalized form: names and the address in NFC and without surrounding spaces,
// and a canonical locale. Every field may be empty. It returns oauth.InvalidRequest if a field is invalid.
func CheckProfile(p identity.Profile) (identity.Profile, error) {
	var okName, okNickname, okAddress, okLocale bool
	p.Name, okName = cleanText(p.Name, maxNameCodePoints)
	p.Nickname, okNickname = cleanText(p.Nickname, maxNameCodePoints)
	p.Address, okAddress = cleanText(p.Address, maxAddress)
	p.Locale, okLocale = cleanLocale(p.Locale)
	switch {
	case !okName:
		return p, oauth.NewError(oauth.InvalidRequest,
			"name must have at most 128 characters, and no invisible or text direction characters.")
	case !okNickname:
		return p, oauth.NewError(oauth.InvalidRequest,
			"nickname must have at most 128 characters, and no invisible or text direction characters.")
	case !validPicture(p.Picture):
		return p, oauth.NewError(oauth.InvalidRequest,
			"picture must be an https URL of at most 512 bytes without user information.")
	case p.Gender != "" && !gender().MatchString(p.Gender):
		return p, oauth.NewError(oauth.InvalidRequest,
			"gender must be female, male, or another word of at most 32 lowercase letters and hyphens.")
	case !okLocale:
		return p, oauth.NewError(oauth.InvalidRequest, "locale must be a BCP 47 language tag, such as zh-CN.")
	case !validEmail(p.Email):
		return p, oauth.NewError(oauth.InvalidRequest,
			"email must be one address without a name, of at most 254 bytes.")
	case !okAddress:
		return p, oauth.NewError(oauth.InvalidRequest,
			"address must have at most 200 characters in one line, and no invisible or text direction characters.")
	}
	return p, nil
}

// cleanText returns a text in NFC and without surrounding spaces, and reports whether it is valid.
func cleanText(text string, maxCodePoints int) (string, bool) {
	if len(text) > maxTextBytes || !utf8.ValidString(text) {
		return "", false
	}
	text = strings.TrimSpace(norm.NFC.String(text))
	return text, utf8.RuneCountInString(text) <= maxCodePoints && !hasInvisible(text)
}

// hasInvisible reports whether a text has characters that are invisible or change the display of others: control
// characters, line separators, direction marks, zero-width characters and fillers. What emoji, the flags of regions,
// Persian and the scripts of India need is allowed: joiners between characters beyond ASCII, and the tags of a flag.
func hasInvisible(text string) bool {
	runes := []rune(taggedFlag().ReplaceAllString(text, "$1"))
	for n, r := range runes {
		joiner := r == '\u200c' || r == '\u200d'
		if joiner && n > 0 && n+1 < len(runes) && joinable(runes[n-1]) && joinable(runes[n+1]) {
			continue
		}
		if invisible(r) {
			return true
		}
	}
	return false
}

// joinable reports whether a joiner may be beside a character.
func joinable(r rune) bool { return r > unicode.MaxASCII && !invisible(r) && !unicode.IsSpace(r) }

func invisible(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point)
}

func validPicture(text string) bool {
	if text == "" {
		return true
	}
	if len(text) > maxPictureBytes || !picture().MatchString(text) {
		return false
	}
	u, err := url.Parse(text)
	return err == nil && u.Hostname() != "" && u.User == nil
}

// cleanLocale returns a BCP 47 tag in its canonical form, such as zh-CN for WeChat's zh_CN, and reports whether it is
// valid.
func cleanLocale(text string) (string, bool) {
	if text == "" {
		return "", true
	}
	if len(text) > maxLocaleBytes {
		return "", false
	}
	tag, err := language.Raw.Parse(text)
	return tag.String(), err == nil
}

func validEmail(text string) bool {
	if text == "" {
		return true
	}
	if len(text) > maxEmailBytes || hasInvisible(text) {
		return false
	}
	address, err := mail.ParseAddress(text)
	return err == nil && address.Address == text
}
