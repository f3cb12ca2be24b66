package archtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sources are Go files by name.
type sources map[string]string

func (s sources) parsed(t *testing.T) (files []goFile) {
	t.Helper()
	for name, text := range s {
		file, err := parse(name, text)
		require.NoError(t, err)
		files = append(files, file)
	}
	return files
}

// numbered repeats a line, with its number for each %d.
func numbered(line string, times int) string {
	var text strings.Builder
	for n := range times {
		text.WriteString(strings.ReplaceAll(line, "%d", fmt.Sprint(n)) + "\n")
	}
	return text.String()
}

// TestLimitsFind tries each limit with code that just meets it and with code that just exceeds it.
func TestLimitsFind(t *testing.T) {
	for name, c := range map[string]struct {
		limit limit
		code  func(n int) sources // with n counted things
		fault string
	}{
		"methods, of pointers, generic types and tests too": {methodLimit, func(n int) sources {
			return sources{
				"p/a.go":      "package p\n" + numbered("func (x large) A%d() {}", n-3) + "func (x *large) B() {}\n",
				"p/b.go":      "package p\nfunc (x *large[T]) C() {}\n" + numbered("func (x other) A%d() {}", 9),
				"p/a_test.go": "package p_test\nfunc (x large[K, V]) D() {}\n",
				"q/a.go":      "package q\nfunc (x large) A() {}\n",
			}
		}, "p: large: 26 methods, the limit is 25"},
		"files, but no tests": {fileLimit, func(n int) sources {
			files := sources{"p/a_test.go": "package p", "q/a.go": "package q"}
			for f := range n {
				files[fmt.Sprintf("p/%d.go", f)] = "package p"
			}
			return files
		}, "p: 31 files, the limit is 30"},
		"lines of a function, literals too": {functionLineLimit, func(n int) sources {
			return sources{"p/a.go": "package p\nfunc (x *T) long() {\n_ = func() {\n" + numbered("_ = %d", n-4) +
				"}\n}\n" + "func short() {}\n"}
		}, "p/a.go: T.long: 71 lines, the limit is 70"},
		"columns, of raw strings too": {columnLimit, func(n int) sources {
			return sources{"p/a.go": "package p\n\nconst text = `\n\t" + strings.Repeat("令", n-4) + "\n`\n"}
		}, "p/a.go: 121 columns, the limit is 120"},
		"lines of a file": {fileLineLimit, func(n int) sources {
			return sources{"p/a_test.go": "package p\n" + numbered("// %d", n-1), "p/a.go": "package p\n"}
		}, "p/a_test.go: 451 lines, the limit is 450"},
		"a Config in a struct": {configLimit, func(n int) sources {
			return sources{"p/a.go": "package p\ntype service struct{ config Config; Options\n" +
				numbered("Config", n) + "}\n"}
		}, "p: service: 1 embedded Config, the limit is 0"},
		"another package's Config, by pointer, in a function": {configLimit, func(n int) sources {
			return sources{"p/a.go": "package p\nfunc f() {\ntype service struct{ c *other.Config\n" +
				numbered("*other.Config", n) + "}\n}\n"}
		}, "p: service: 1 embedded Config, the limit is 0"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, c.limit.beyond(c.code(c.limit.most).parsed(t)))
			require.Equal(t, []string{c.fault}, c.limit.beyond(c.code(c.limit.most+1).parsed(t)))
		})
	}
}
