package main

import (
	"fmt"
	"io"
)

// printFlood compares refreshes with and without a flood of passwords beside them.
func (r *result) printFlood(out io.Writer) {
	ratio := column{"p99 ÷ quiet", 2, func(t turn,
		p phase) float64 {
		return p.P99 / t.phase(quiet(p.subject)).P99
	}, false}
	r.printTable(out, workloadTitles, subject.cells, half, nearlyAll, ratio, rate, answers, failed)
	fmt.Fprintf(out, "\nThe flood is of right passwords, each from another address, %d times as many as "+
		"one core could hash.\n", floodFactor)
}

// quiet is the same without the flood.
func quiet(of subject) subject {
	of.Workload = refreshName
	return of
}
