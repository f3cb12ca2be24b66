// Package terminal has what commands need to talk to people: texts that are fit for a terminal, and input that a
// person may type.
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

// ByteOrderMark begins the text files of some editors and shells, and belongs to no text.
const ByteOrderMark = "\ufeff"

// Printable makes texts fit for a table on a terminal, in place. A name or a User-Agent may hold control characters,
// which would forge other rows or give the terminal orders.
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

// OrDash fills a cell that would be empty.
func OrDash(text string) string { return cmp.Or(text, "-") }

// Plural counts things: no keys, 1 key, 2 keys.
func Plural(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun + "s"
	case 1:
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Grouped writes a number for people: 1 000 000.
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

// Interruptible lets a read end with the context, which a read from a terminal or a pipe would not notice.
func Interruptible(ctx context.Context, r io.Reader) io.ReadCloser {
	reader, writer := io.Pipe()
	go func() {
		_, err := io.Copy(writer, r)
		writer.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { writer.CloseWithError(context.Cause(ctx)) })
	return reader
}
