package main

import (
	"fmt"
	"io"
	"time"
)

// crowdPatience is how long an answer may take in a crowd. A server that has more requests than connections
// to its database is to answer later, all of them. One that waits for itself answers when its patience with
// the database is over, which is five seconds; a disk that others use too may make anybody wait for two.
const crowdPatience = 4 * time.Second

// printCrowd compares few connections with many.
func (r *result) printCrowd(out io.Writer) {
	slowest := column{"slowest ms", 0, func(_ turn, p phase) float64 { return p.Slowest }, false}
	r.printTable(out, workloadTitles, subject.cells, rate, half, nearlyAll, slowest, signatures, databaseCPU,
		answers, failed)
	fmt.Fprintf(out, "\nThe server has %d connections to PostgreSQL. No answer may take longer than %v.\n",
		poolSize, crowdPatience)
}
