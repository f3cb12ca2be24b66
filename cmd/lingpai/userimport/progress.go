package userimport

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
)

// plainEvery is how often a log is told of an import.
const plainEvery = 5 * time.Second

// progress shows how far an import is.
type progress interface {
	moved(rows int, read int64)
	say(line string) // says something beside
	end()
}

// newProgress shows a bar on a terminal, if it is known how long it will become, and else a line now and then.
func newProgress(w io.Writer, size int64) progress {
	if file, ok := w.(*os.File); ok && terminal.IsTerminal(file) && size > 0 {
		return newBarProgress(w, size)
	}
	return &plainProgress{w: w, size: size, every: plainEvery, begun: time.Now(), told: time.Now()}
}

// barProgress is a bar of the bytes of the file.
type barProgress struct {
	w   io.Writer
	bar *progressbar.ProgressBar
}

func newBarProgress(w io.Writer, size int64) *barProgress {
	return &barProgress{w, progressbar.NewOptions64(size, progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription("importing"),
		progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetWidth(30))}
}

func (p *barProgress) moved(rows int, read int64) {
	p.bar.Describe(terminal.Grouped(rows) + " rows")
	_ = p.bar.Set64(min(read, p.bar.GetMax64())) // a terminal that is gone stops no import
}

func (p *barProgress) say(line string) {
	_ = p.bar.Clear()
	fmt.Fprintln(p.w, line)
}

func (p *barProgress) end() {
	_ = p.bar.Exit()
	fmt.Fprintln(p.w)
}

// plainProgress is a line now and then.
type plainProgress struct {
	w           io.Writer
	size        int64
	every       time.Duration
	begun, told time.Time
}

func (p *plainProgress) moved(rows int, read int64) {
	if time.Since(p.told) < p.every {
		return
	}
	p.told = time.Now()
	rate := int(float64(rows) / time.Since(p.begun).Seconds())
	line := fmt.Sprintf("%s rows, %s rows/s", terminal.Grouped(rows), terminal.Grouped(rate))
	if p.size > 0 {
		line += fmt.Sprintf(", %d %%", min(100, 100*read/p.size))
	}
	p.say(line)
}

func (p *plainProgress) say(line string) { fmt.Fprintln(p.w, line) }

func (p *plainProgress) end() {}
