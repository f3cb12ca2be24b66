package wechat

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Joiners connect or separate the characters beside them. Families and other emoji, Persian, and the scripts of India
// are written with them.
const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
)

// taggedFlag is the flag of a region, such as Scotland: a black flag, the region in invisible letters, and their end
// (Unicode Technical Standard #51, ED-14a).
var taggedFlag = regexp.MustCompile(`\x{1f3f4}[\x{e0030}-\x{e0039}\x{e0061}-\x{e007a}]{1,6}\x{e007f}`)

// cleanNickname removes characters that would move or hide the text around the name. encoding/json
// has replaced invalid UTF-8 and unpaired surrogates with U+FFFD.
func cleanNickname(text string) string {
	if strings.ContainsRune(text, utf8.RuneError) {
		return ""
	}
	var cleaned strings.Builder
	flags := taggedFlag.FindAllString(text, -1)
	for n, part := range taggedFlag.Split(text, -1) {
		cleaned.WriteString(dropInvisible(part))
		if n < len(flags) {
			cleaned.WriteString(flags[n])
		}
	}
	text = strings.TrimSpace(cleaned.String())
	if utf8.RuneCountInString(text) > maxNickname {
		return ""
	}
	return text
}

// dropInvisible removes invisible characters, except a variation selector after a visible character, and a joiner
// between two.
func dropInvisible(text string) string {
	var kept []rune
	var before rune // the last of kept
	runes := []rune(text)
	for n, char := range runes {
		switch {
		case !isInvisible(char):
		case unicode.Is(unicode.Variation_Selector, char) && isVisible(before):
		case (char == zeroWidthJoiner || char == zeroWidthNonJoiner) && n+1 < len(runes) && isVisible(runes[n+1]) &&
			(isVisible(before) || unicode.Is(unicode.Variation_Selector, before)):
		default:
			continue
		}
		kept, before = append(kept, char), char
	}
	return string(kept)
}

func isVisible(char rune) bool { return char != 0 && !isInvisible(char) && !unicode.IsSpace(char) }

func isInvisible(char rune) bool {
	return unicode.In(char, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
