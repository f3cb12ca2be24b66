package terminal

import (
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// columnGap is the space between the columns of a table.
const columnGap = 2

// WriteTable writes a header and rows in columns that line up on a terminal, where East Asian wide characters take two
// columns. It makes the cells of rows printable; see [Printable]. No row may have more cells than the header.
func WriteTable(w io.Writer, header []string, rows [][]string) error {
	widths := make([]int, len(header))
	lines := append([][]string{header}, rows...)
	for n, line := range lines {
		if n > 0 {
			Printable(line)
		}
		for column, cell := range line {
			widths[column] = max(widths[column], uniseg.StringWidth(cell))
		}
	}
	var text strings.Builder
	for _, line := range lines {
		for column, cell := range line {
			text.WriteString(cell)
			if column < len(line)-1 {
				text.WriteString(strings.Repeat(" ", widths[column]-uniseg.StringWidth(cell)+columnGap))
			}
		}
		text.WriteByte('\n')
	}
	_, err := io.WriteString(w, text.String())
	return err
}
