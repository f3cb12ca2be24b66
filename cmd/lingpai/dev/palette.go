package dev

import (
	"os"
	"strconv"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
)

// palette colors text; false leaves it as it is.
type palette bool

// paletteOf returns colors for a stream that is a terminal, unless NO_COLOR is set (https://no-color.org) or the
// terminal is dumb.
func paletteOf(stream any) palette {
	return palette(terminal.IsTerminal(stream) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
}

// The parameters of ANSI "select graphic rendition".
const (
	sgrBold   = "1"
	sgrDim    = "2"
	sgrRed    = "31"
	sgrGreen  = "32"
	sgrYellow = "33"
)

func (p palette) paint(sgr, text string) string {
	if !p {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}

func (p palette) bold(text string) string { return p.paint(sgrBold, text) }

func (p palette) dim(text string) string { return p.paint(sgrDim, text) }

// status colors the status code of a response: red from 500 on, yellow from 400 on, and green below.
func (p palette) status(code int) string {
	sgr := sgrGreen
	switch {
	case code >= 500:
		sgr = sgrRed
	case code >= 400:
		sgr = sgrYellow
	}
	return p.paint(sgr, strconv.Itoa(code))
}
