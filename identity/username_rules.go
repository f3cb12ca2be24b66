package identity

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/rangetable"
)

// reserved are names that people take for those of operators. An operator may give them to a user; nobody gets a name
// that only looks like them.
var reserved = []string{
	"abuse", "admin", "administrator", "help", "helpdesk", "hostmaster", "info", "lingpai", "moderator", "noreply",
	"official", "operator", "owner", "postmaster", "root", "security", "service", "staff", "superuser", "support",
	"sysadmin", "system", "webmaster", "wechat", "weixin",
}

var reservedSkeletons = sync.OnceValue(func() (skeletons []string) {
	for _, name := range reserved {
		skeletons = append(skeletons, skeleton(name))
	}
	return skeletons
})

// Reserved reports whether only an operator may give the name to a user.
func (n Username) Reserved() bool { return slices.Contains(reserved, n.Key) }

func looksReserved(skeleton string) bool { return slices.Contains(reservedSkeletons(), skeleton) }

//go:embed identifierstatus.txt
var identifierStatus string

// allowedInNames reports whether the Identifier_Status of a character is Allowed.
func allowedInNames(r rune) bool { return unicode.Is(allowedCharacters(), r) }

var allowedCharacters = sync.OnceValue(func() *unicode.RangeTable { return parseIdentifierStatus(identifierStatus) })

// parseIdentifierStatus reads the file of the Unicode consortium, whose lines are such as "0041..005A ; Allowed #
// comment". It panics at anything else, since the file is part of the program.
func parseIdentifierStatus(text string) *unicode.RangeTable {
	var tables []*unicode.RangeTable
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		span, _, _ := strings.Cut(line, ";")
		if span = strings.TrimSpace(span); span == "" {
			continue
		}
		first, last, ranged := strings.Cut(span, "..")
		if !ranged {
			last = first
		}
		var from, to uint32
		if _, err := fmt.Sscanf(first+" "+last, "%X %X", &from, &to); err != nil {
			panic(fmt.Sprintf("identifierstatus.txt: %q: %v", line, err))
		}
		tables = append(tables, &unicode.RangeTable{R32: []unicode.Range32{{Lo: from, Hi: to, Stride: 1}}})
	}
	return rangetable.Merge(tables...)
}
