package accounts

import (
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

const (
	maxNameCodePoints = 128
	maxNameBytes      = 2048 // before it is composed: work is bounded before it is begun
	maxPictureBytes   = 512
	maxLocaleBytes    = 35 // RFC 5646 §4.4.1
	maxEmailBytes     = 254
)

var (
	gender = regexp.MustCompile(`^[a-z-]{1,32}$`)
	// what two programs could read differently is not in it
	picture = regexp.MustCompile("^https://[^\\x00-\\x20\\x7f-\\x{10ffff}\"<>\\\\^`{|}]+$")
)

// CheckProfile returns a profile in the form that is kept. Every field may be empty. oauth.InvalidRequest.
func CheckProfile(p identity.Profile) (identity.Profile, error) {
	var okName, okNickname, okLocale bool
	p.Name, okName = cleanName(p.Name)
	p.Nickname, okNickname = cleanName(p.Nickname)
	p.Locale, okLocale = cleanLocale(p.Locale)
	switch {
	case !okName:
		return p, oauth.NewError(oauth.InvalidRequest,
			"name has at most 128 characters, and none that are invisible or turn text round.")
	case !okNickname:
		return p, oauth.NewError(oauth.InvalidRequest,
			"nickname has at most 128 characters, and none that are invisible or turn text round.")
	case !validPicture(p.Picture):
		return p, oauth.NewError(oauth.InvalidRequest,
			"picture is an https URL of at most 512 bytes, without a user in it.")
	case p.Gender != "" && !gender.MatchString(p.Gender):
		return p, oauth.NewError(oauth.InvalidRequest,
			"gender is female, male, or another word of at most 32 small letters and hyphens.")
	case !okLocale:
		return p, oauth.NewError(oauth.InvalidRequest, "locale is a BCP 47 language tag, such as zh-CN.")
	case !validEmail(p.Email):
		return p, oauth.NewError(oauth.InvalidRequest, "email is one bare address of at most 254 bytes.")
	}
	return p, nil
}

// cleanName returns a name composed and without spaces around it.
func cleanName(name string) (string, bool) {
	if len(name) > maxNameBytes || !utf8.ValidString(name) {
		return "", false
	}
	name = strings.TrimSpace(norm.NFC.String(name))
	return name, utf8.RuneCountInString(name) <= maxNameCodePoints && !deceives(name)
}

// deceives says whether a text has characters that are not seen, or that change how others are seen:
// controls, line separators, marks of direction, zero-width ones, fillers. The joiner within an emoji is
// seen: it makes one picture of several.
func deceives(text string) bool {
	runes := []rune(text)
	for n, r := range runes {
		if r == '\u200d' && n > 0 && n+1 < len(runes) && emoji(runes[n-1]) && emoji(runes[n+1]) {
			continue
		}
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point) {
			return true
		}
	}
	return false
}

// emoji says whether a character is a picture, a colour of skin, or the selector that makes a picture of a sign.
func emoji(r rune) bool { return unicode.In(r, unicode.So, unicode.Sk) || r == '\ufe0f' }

func validPicture(text string) bool {
	if text == "" {
		return true
	}
	if len(text) > maxPictureBytes || !picture.MatchString(text) {
		return false
	}
	u, err := url.Parse(text)
	return err == nil && u.Hostname() != "" && u.User == nil
}

// cleanLocale returns a tag as BCP 47 writes it: WeChat's zh_CN is zh-CN.
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
	if len(text) > maxEmailBytes || deceives(text) {
		return false
	}
	address, err := mail.ParseAddress(text)
	return err == nil && address.Address == text
}
