// Package pattern has regular expressions that cost nothing until they are needed. Compiling one takes as long as
// dozens of matches, and most commands need none.
package pattern

import (
	"regexp"
	"sync"
)

// Lazy returns a function that returns a regular expression, which is compiled at the first call. It panics there if
// the text is not one.
func Lazy(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
