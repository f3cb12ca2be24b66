package main

import (
	"fmt"
	"io"
	"slices"
)

// printWorkloads compares workloads, and stores.
func (r *result) printWorkloads(out io.Writer) {
	columns := []column{signatures, cpu, outside, databaseCPU, rate, half, nearlyAll, busy, answers, failed}
	if withLibrary() {
		columns = slices.Insert(columns, 1, libraries)
	}
	r.printTable(out, workloadTitles, subject.cells, columns...)
	fmt.Fprintln(out)
	for _, h := range r.Houses {
		r.printHouse(out, h)
	}
}

// printHouse tells what else there is to know of a server.
func (r *result) printHouse(out io.Writer, h houseReport) {
	fmt.Fprintf(out, "%s\n", h.Store)
	for _, s := range r.subjects() {
		if s.Store == h.Store {
			r.printExtra(out, s)
		}
	}
	fmt.Fprintf(out, "  start to first token   %s ms\n", spreadOf(h.StartsMS).text(0))
	if h.IdleMemory.Now > 0 {
		fmt.Fprintf(out, "  resident memory        %s idle, %s after the load, %s at most\n",
			mebibytes(h.IdleMemory.Now), mebibytes(h.LoadedMemory.Now), mebibytes(h.LoadedMemory.Peak))
	}
}

// printExtra says what the table hides: the hash in a password's cost, how many answers a whole core would
// give, and what refreshes leave behind.
func (r *result) printExtra(out io.Writer, s subject) {
	switch {
	case s.Workload == passwordName && r.CPUMeasured:
		beside := r.over(s, func(t turn, p phase) float64 {
			return (p.microseconds() - t.Hash.microseconds()) / p.Signature.microseconds()
		})
		fmt.Fprintf(out, "  password beside hash   %s signatures\n", beside.text(2))
	case s.Workload == jwksName && r.CPUMeasured:
		full := r.over(s, func(_ turn, p phase) float64 { return p.rate() / p.busy() })
		fmt.Fprintf(out, "  jwks on a whole core   %s answers/s (answers/s over core busy)\n", full.text(0))
	case s.Workload == refreshName:
		r.printRefreshes(out, "first", r.Runs[0].phase(s))
		r.printRefreshes(out, "last ", r.Runs[len(r.Runs)-1].phase(s))
	}
}

func (r *result) printRefreshes(out io.Writer, which string, p phase) {
	fmt.Fprintf(out, "  refreshes, %s run   %d refreshes: %d → %d sessions, database %s → %s", which, p.Answered,
		p.Before.Sessions, p.After.Sessions, megabytes(p.Before.Bytes), megabytes(p.After.Bytes))
	if p.After.LogBytes > 0 {
		fmt.Fprintf(out, ", write-ahead log %s → %s", megabytes(p.Before.LogBytes), megabytes(p.After.LogBytes))
	}
	fmt.Fprintln(out)
}
