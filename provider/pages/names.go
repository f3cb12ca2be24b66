package pages

import (
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
)

// maxName is how many characters of a name are shown, as people count them, and maxCharacter how long one is in bytes:
// a letter may have any number of marks, above and below its line.
const maxName, maxCharacter = 80, 64

// zeroWidthJoiner joins emoji to one picture.
const zeroWidthJoiner = '\u200d'

// shown returns a text from outside as it is shown. Characters that would change the direction or the place of their
// neighbors, or that are invisible, are left out, so that no name can look like another one.
func shown(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r != zeroWidthJoiner && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, name)
	var cut strings.Builder
	for characters, n := uniseg.NewGraphemes(name), 0; characters.Next(); n++ {
		if n == maxName {
			return cut.String() + "…"
		}
		if len(characters.Str()) <= maxCharacter {
			cut.WriteString(characters.Str())
		}
	}
	return strings.TrimSpace(cut.String())
}
