package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// printGrowth compares a store with one that holds less.
func (r *result) printGrowth(out io.Writer) {
	ratio := column{"p50 ÷ smallest's", 2,
		func(t turn, p phase) float64 { return p.P50 / t.phase(r.smallest(p.subject)).P50 }, false}
	added := column{"rows added", 0, func(_ turn, p phase) float64 { return float64(p.added()) }, true}
	r.printTable(out, "store\tsessions", func(s subject) string { return fmt.Sprintf("%s\t%d", s.Store, s.Stored) },
		signatures, databaseCPU, half, ratio, nearlyAll, rate, answers, failed, added)
	r.printRows(out)
	fmt.Fprintf(out, "\nrefresh_token over %d connections, of sessions chosen at random all over the "+
		"table. Each ratio is of two turns of one run.\n",
		r.subjects()[0].Connections)
}

// smallest is the same store with the fewest sessions.
func (r *result) smallest(of subject) subject {
	subjects := r.subjects()
	return subjects[slices.IndexFunc(subjects, func(s subject) bool { return s.Store == of.Store })]
}

// printRows tells what the sessions take, and how they are updated.
func (r *result) printRows(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "\nstore\tsessions\trows at the end\twith indexes\tbytes a row\tupdates\tHOT")
	for n, s := range r.subjects() {
		h := r.Houses[n]
		first, last := r.Runs[0].phase(s).Before, r.Runs[len(r.Runs)-1].phase(s).After
		updates, hot := "–", "–"
		if counted := last.Updates - first.Updates; counted > 0 {
			updates, hot = fmt.Sprint(counted),
				fmt.Sprintf("%.4f", float64(last.HOTUpdates-first.HOTUpdates)/float64(counted))
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%d\t%s\t%s\n", s.Store, s.Stored, h.Sessions, megabytes(h.SessionBytes),
			h.SessionBytes/max(1, h.Sessions), updates, hot)
	}
	table.Flush()
}
