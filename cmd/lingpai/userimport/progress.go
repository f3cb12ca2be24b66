package userimport

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
)

// plainEvery is how often the progress is written to a log.
const plainEvery = 5 * time.Second

// progress shows the progress of an import.
type progress interface {
	moved(rows int, read int64)
	say(line string) // prints a line in addition to the progress
	end()
}

// newProgress returns a bar at a terminal if the size is known, in bytes; otherwise a line every few seconds.
func newProgress(w io.Writer, size int64) progress {
	if file, ok := w.(*os.File); ok && terminal.IsTerminal(file) && size > 0 {
		return newBarProgress(w, size)
	}
	return &plainProgress{w: w, size: size, every: plainEvery, begun: time.Now(), shown: time.Now()}
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
	_ = p.bar.Set64(min(read, p.bar.GetMax64())) // an import continues without its terminal
}

func (p *barProgress) say(line string) {
	_ = p.bar.Clear()
	fmt.Fprintln(p.w, line)
}

func (p *barProgress) end() {
	_ = p.bar.Exit()
	fmt.Fprintln(p.w)
}

// plainProgress prints a line every few seconds.
type plainProgress struct {
	w            io.Writer
	size         int64
	every        time.Duration
	begun, shown time.Time
}

func (p *plainProgress) moved(rows int, read int64) {
	if time.Since(p.shown) < p.every {
		return
	}
	p.shown = time.Now()
	rate := int(float64(rows) / time.Since(p.begun).Seconds())
	line := fmt.Sprintf("%s rows, %s rows/s", terminal.Grouped(rows), terminal.Grouped(rate))
	if p.size > 0 {
		line += fmt.Sprintf(", %d %%", min(100, 100*read/p.size))
	}
	p.say(line)
}

func (p *plainProgress) say(line string) { fmt.Fprintln(p.w, line) }

func (p *plainProgress) end() {}
