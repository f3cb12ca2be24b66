package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// column is a figure in a table.
type column struct {
	title    string
	decimals int
	figure   func(turn, phase) float64
	total    bool // the sum over all runs, rather than the median
}

// text is the cell of a subject. What could not be measured, and is zero everywhere, is a dash.
func (c column) text(r *result, s subject) string {
	values := r.over(s, c.figure)
	switch {
	case c.total:
		return fmt.Sprintf("%.*f", c.decimals, values.sum)
	case values.highest == 0:
		return "–"
	}
	return values.text(c.decimals)
}

// The columns that more than one table has.
var (
	signatures = column{"CPU in signatures", 3,
		func(_ turn, p phase) float64 { return p.microseconds() / p.Signature.microseconds() }, false}
	cpu         = column{"CPU µs", 0, func(_ turn, p phase) float64 { return p.microseconds() }, false}
	libraries   = column{"in OpenSSL's", 3, inLibrarySignatures, false}
	databaseCPU = column{"database's CPU µs", 0,
		func(_ turn, p phase) float64 { return p.DatabaseCPU / float64(max(1, p.Answered)) * 1e6 }, false}
	outside   = column{"outside the signer µs", 0, outsideSigner, false}
	rate      = column{"answers/s", 0, func(_ turn, p phase) float64 { return p.rate() }, false}
	half      = column{"p50 ms", 2, func(_ turn, p phase) float64 { return p.P50 }, false}
	nearlyAll = column{"p99 ms", 2, func(_ turn, p phase) float64 { return p.P99 }, false}
	busy      = column{"core busy", 2, func(_ turn, p phase) float64 { return p.busy() }, false}
	answers   = column{"answers", 0, func(_ turn, p phase) float64 { return float64(p.Answered) }, true}
	failed    = column{"failed", 0, func(_ turn, p phase) float64 { return float64(p.Failed) }, true}
)

// inLibrarySignatures compares with what a signature takes openssl speed; 0: that was not measured.
func inLibrarySignatures(t turn, p phase) float64 {
	if t.Speed == 0 {
		return 0
	}
	return p.microseconds() / t.Speed
}

// outsideSigner is the CPU of a token without its signature, by whichever signer, and without the signer's
// own verification; 0: no token is signed.
func outsideSigner(t turn, p phase) float64 {
	switch {
	case p.Workload != refreshName && p.Workload != clientCredentialsName && p.Workload != wechatName:
		return 0
	case p.Signer == goSigner:
		return p.microseconds() - p.Signature.microseconds()
	}
	return p.microseconds() - t.Library.microseconds()
}

const workloadTitles = "workload\tstore\tconnections"

// cells begin a row under workloadTitles.
func (s subject) cells() string { return fmt.Sprintf("%s\t%s\t%d", s.Workload, s.Store, s.Connections) }

// printTable has a row for each subject, which begins with what names says of it.
func (r *result) printTable(out io.Writer, titles string, names func(subject) string, columns ...column) {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(table, "\n%s", titles)
	for _, c := range columns {
		fmt.Fprint(table, "\t", c.title)
	}
	for _, s := range r.subjects() {
		fmt.Fprintf(table, "\n%s", names(s))
		for _, c := range columns {
			fmt.Fprint(table, "\t", c.text(r, s))
		}
	}
	fmt.Fprintln(table)
	table.Flush()
}
