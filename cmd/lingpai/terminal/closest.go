package terminal

import (
	"slices"
	"strings"
)

// Closest returns the word that somebody who typed text most likely wanted, or "" if none is close: it begins with
// text, or differs from it by at most two edits and less than half of its letters.
func Closest(text string, words []string) string {
	if text == "" || slices.Contains(words, text) {
		return ""
	}
	best, fewest := "", 3
	for _, word := range words {
		edits := distance(strings.ToLower(text), strings.ToLower(word))
		if len(text) > 2 && strings.HasPrefix(word, text) {
			edits = 0
		}
		if edits < fewest && edits*2 < len(word) {
			best, fewest = word, edits
		}
	}
	return best
}

// distance returns the Levenshtein distance of two texts, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for n := range row {
		row[n] = n
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
