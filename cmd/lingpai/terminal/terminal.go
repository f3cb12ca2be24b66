// Package terminal has what commands need at a terminal: printable texts, tables, suggestions, and input that people
// type.
package terminal

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// ByteOrderMark is what some editors and shells write at the beginning of text files.
const ByteOrderMark = "\ufeff"

// Printable replaces unprintable characters in texts, in place. A name or a User-Agent may contain control characters,
// which could forge rows of a table or control the terminal.
func Printable(texts []string) []string {
	for n, text := range texts {
		texts[n] = strings.Map(func(r rune) rune {
			if unicode.IsPrint(r) {
				return r
			}
			return unicode.ReplacementChar
		}, text)
	}
	return texts
}

// OrDash returns a text, or "-" for an empty cell of a table.
func OrDash(text string) string { return cmp.Or(text, "-") }

// Plural formats a count: no keys, 1 key, 2 keys.
func Plural(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun + "s"
	case 1:
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Grouped formats a number in groups of three digits: 1 000 000.
func Grouped(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + " " + text[at:]
	}
	return text
}

// IsTerminal reports whether a stream is a terminal.
func IsTerminal(stream any) bool {
	file, ok := stream.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(file.Fd()))
}

// Interruptible returns a reader that fails when the context ends; a read from a terminal or a pipe would not notice.
func Interruptible(ctx context.Context, r io.Reader) io.ReadCloser {
	reader, writer := io.Pipe()
	go func() {
		_, err := io.Copy(writer, r)
		writer.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { writer.CloseWithError(context.Cause(ctx)) })
	return reader
}
