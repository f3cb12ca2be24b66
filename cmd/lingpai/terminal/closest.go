package terminal

import (
	"slices"
	"strings"

	"github.com/lingpai/lingpai/internal/spelling"
)

// Closest returns the word that somebody who typed text most likely wanted, or "" if none is close: it begins with
// text, or differs from it by at most two edits and less than half of its letters.
func Closest(text string, words []string) string {
	if text == "" || slices.Contains(words, text) {
		return ""
	}
	best, fewest := "", 3
	for _, word := range words {
		edits := spelling.Distance(strings.ToLower(text), strings.ToLower(word))
		if len(text) > 2 && strings.HasPrefix(word, text) {
			edits = 0
		}
		if edits < fewest && edits*2 < len(word) {
			best, fewest = word, edits
		}
	}
	return best
}
