package password

import (
	_ "embed"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"
)

// commonText are the passwords that are guessed first, and may be set: 8 characters or more, folded, one a
// line, in the order of bytes (LC_ALL=C sort -u). It is written by hand and by rule: digits, dates, walks
// over the keyboard, names and words with what people add to them, and what is dear in Chinese (woaini1314: I
// love you for ever).
//
//go:embed common.txt
var commonText string

var commonPasswords = sync.OnceValue(func() []string { return strings.Fields(commonText) })

// isCommon says whether a password is on the list, in any case and width.
func isCommon(password string) bool {
	_, found := slices.BinarySearch(commonPasswords(), fold(password))
	return found
}

// fold is the form in which passwords are looked up in the list, never one that is hashed.
func fold(password string) string { return strings.ToLower(norm.NFKC.String(password)) }
