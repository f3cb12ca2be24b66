package main

import (
	"fmt"
	"html"
	"os"
	"strings"
)

// The dimensions of the plot, in pixels.
const (
	plotWidth  = 720
	plotLabel  = 240 // to the left of the bars
	plotBar    = 18
	plotRow    = 28
	plotTop    = 44
	plotBottom = 34
)

// name returns a name that distinguishes a subject from the others in the run.
func (r *result) name(s subject) string {
	if len(r.Connections) > 1 {
		return fmt.Sprintf("%s, %s, %d", s.Workload, s.Store, s.Connections)
	}
	return s.Workload + ", " + s.Store
}

// savePlot writes an SVG with a bar for each workload: the cost of an answer in signatures, and the range over the
// runs as a line. Passwords are left out: their hash takes twenty times as long as everything else.
func (r *result) savePlot(path string) error {
	var rows []subject
	longest := 1.0
	for _, s := range r.subjects() {
		if s.Workload == passwordName {
			continue
		}
		rows = append(rows, s)
		longest = max(longest, r.over(s, signatures.figure).highest)
	}
	height := plotTop + plotRow*len(rows) + plotBottom
	x := func(value float64) float64 { return plotLabel + value/longest*(plotWidth-plotLabel-70) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" `+
		`font-family="sans-serif" font-size="13">`+"\n", plotWidth, height, plotWidth, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", plotWidth, height)
	fmt.Fprintf(&b, `<text x="%d" y="24" font-weight="bold">`+
		"The server's CPU for one answer, in RSA-2048 signatures</text>\n", 12)
	for n, s := range rows {
		y, cost := plotTop+plotRow*n, r.over(s, signatures.figure)
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", plotLabel-10, y+14,
			html.EscapeString(r.name(s)))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="#4878a8"/>`+"\n", plotLabel, y,
			x(cost.median)-plotLabel, plotBar)
		fmt.Fprintf(&b, `<path d="M%.1f %dH%.1f" stroke="#202020" stroke-width="2"/>`+"\n", x(cost.lowest),
			y+plotBar/2, x(cost.highest))
		fmt.Fprintf(&b, `<text x="%.1f" y="%d">%.2f</text>`+"\n", x(max(cost.highest, cost.median))+6,
			y+14, cost.median)
	}
	end := plotTop + plotRow*len(rows)
	fmt.Fprintf(&b, `<path d="M%.1f %dV%d" stroke="#c04030" stroke-dasharray="4 3"/>`+"\n", x(1), plotTop-8, end)
	fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#c04030">one signature</text>`+"\n", x(1), end+16)
	fmt.Fprintf(&b, `<text x="12" y="%d" font-size="11" fill="#606060">%s</text>`+"\n</svg>\n", height-8,
		html.EscapeString(fmt.Sprintf("%s, one core; medians of %d runs, line: lowest to highest",
			r.System, len(r.Runs))))
	return os.WriteFile(path, []byte(b.String()), 0o644)
}
