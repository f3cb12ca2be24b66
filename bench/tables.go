package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/lingpai/lingpai/keys"
)

// column is a figure in a table.
type column struct {
	title    string
	decimals int
	figure   func(round, phase) float64
	total    bool // the sum over all runs, rather than the median
}

// text returns the cell of a subject, or a dash if the figure could not be measured.
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
		func(_ round, p phase) float64 { return p.microseconds() / p.Signature.microseconds() }, false}
	cpu       = column{"CPU µs", 0, func(_ round, p phase) float64 { return p.microseconds() }, false}
	libraries = column{"in OpenSSL's", 3, inLibrarySignatures, false}
	verified  = column{"in verified ones", 3,
		func(_ round, p phase) float64 { return p.microseconds() / p.verified() }, false}
	databaseCPU = column{"database's CPU µs", 0,
		func(_ round, p phase) float64 { return p.DatabaseCPU / float64(max(1, p.Answered)) * 1e6 }, false}
	outside = column{"outside the signer µs", 0, outsideSigner, false}
	rate    = column{"answers/s", 0, func(_ round, p phase) float64 { return p.rate() }, false}
	p50     = column{"p50 ms", 2, func(_ round, p phase) float64 { return p.P50 }, false}
	p99     = column{"p99 ms", 2, func(_ round, p phase) float64 { return p.P99 }, false}
	busy    = column{"core busy", 2, func(_ round, p phase) float64 { return p.busy() }, false}
	answers = column{"answers", 0, func(_ round, p phase) float64 { return float64(p.Answered) }, true}
	failed  = column{"failed", 0, func(_ round, p phase) float64 { return float64(p.Failed) }, true}
)

// inLibrarySignatures returns the cost in signatures of openssl speed; 0: that was not measured.
func inLibrarySignatures(t round, p phase) float64 {
	if t.Speed == 0 {
		return 0
	}
	return p.microseconds() / t.Speed
}

// outsideSigner returns the CPU time of an answer without its signatures and the signer's own verification; 0: no token
// is signed.
func outsideSigner(_ round, p phase) float64 {
	switch p.Workload {
	case refreshName, clientCredentialsName, wechatName:
		return p.microseconds() - p.verified()
	case codeName: // an access token and an ID token
		return p.microseconds() - 2*p.verified()
	}
	return 0
}

// verified returns the CPU time of a signature by the server's signer, in microseconds. An implementation other than
// Go's also verifies it.
func (p phase) verified() float64 {
	if p.Signer == goSigner {
		return p.Signature.microseconds()
	}
	return p.Library.microseconds()
}

const workloadTitles = "workload\tstore\tconnections"

// cells returns the first cells of a row, under workloadTitles.
func (s subject) cells() string { return fmt.Sprintf("%s\t%s\t%d", s.Workload, s.Store, s.Connections) }

// printTable prints a row for each subject, which begins with its names.
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

// printWorkloads compares workloads, and stores.
func (r *result) printWorkloads(out io.Writer) {
	columns := []column{signatures, cpu, outside, databaseCPU, rate, p50, p99, busy, answers, failed}
	if withLibrary() {
		columns = slices.Insert(columns, 1, libraries, verified)
	}
	r.printTable(out, workloadTitles, subject.cells, columns...)
	fmt.Fprintln(out)
	for _, h := range r.Servers {
		r.printServer(out, h)
	}
}

// printServer prints the other measurements of a server.
func (r *result) printServer(out io.Writer, h serverReport) {
	fmt.Fprintf(out, "%s\n", h.Store)
	for _, s := range r.subjects() {
		if s.Store == h.Store {
			r.printWorkloadDetails(out, s)
		}
	}
	fmt.Fprintf(out, "  start to first token   %s ms\n", spreadOf(h.StartsMS).text(0))
	if h.IdleMemory.Now > 0 {
		fmt.Fprintf(out, "  resident memory        %s idle, %s after the load, %s at most\n",
			mebibytes(h.IdleMemory.Now), mebibytes(h.LoadedMemory.Now), mebibytes(h.LoadedMemory.Peak))
	}
}

// printWorkloadDetails prints the cost of a password besides its hash, how many answers a whole core would give, what
// refreshes add to the database, and how requests of browsers compare with others.
func (r *result) printWorkloadDetails(out io.Writer, s subject) {
	switch {
	case s.Workload == passwordName && r.CPUMeasured:
		beside := r.over(s, func(t round, p phase) float64 {
			return (p.microseconds() - t.Hash.microseconds()) / p.Signature.microseconds()
		})
		fmt.Fprintf(out, "  password without hash  %s signatures\n", beside.text(2))
	case s.Workload == jwksName && r.CPUMeasured:
		full := r.over(s, func(_ round, p phase) float64 { return p.rate() / p.busy() })
		fmt.Fprintf(out, "  jwks on a whole core   %s answers/s (answers/s over core busy)\n", full.text(0))
	case s.Workload == refreshName:
		r.printRefreshes(out, "first", r.Runs[0].phase(s))
		r.printRefreshes(out, "last ", r.Runs[len(r.Runs)-1].phase(s))
	case s.Workload == codeName && r.has(s.with(refreshName)) && r.has(s.with(introspectName)):
		ratio := r.over(s, func(t round, p phase) float64 {
			return p.microseconds() / (t.phase(s.with(refreshName)).microseconds() +
				t.phase(s.with(introspectName)).microseconds() + p.verified())
		})
		fmt.Fprintf(out, "  authorization_code     %s of the CPU of refresh_token, introspect and a signature\n",
			ratio.text(3))
	case s.Workload == exchangeName && r.has(s.with(introspectName)):
		ratio := r.over(s, func(t round, p phase) float64 {
			return p.microseconds() / (t.phase(s.with(introspectName)).microseconds() + p.verified())
		})
		fmt.Fprintf(out, "  token_exchange         %s of the CPU of introspect and a signature\n", ratio.text(3))
	case s.Workload == signInPageName && r.has(s.with(introspectName)):
		ratio := r.over(s, func(t round, p phase) float64 {
			return t.phase(s.with(introspectName)).microseconds() / p.microseconds()
		})
		fmt.Fprintf(out, "  sign_in_page           %s for each introspect, by CPU\n", ratio.text(3))
	}
}

// with returns the same subject with another workload.
func (s subject) with(workload string) subject {
	s.Workload = workload
	return s
}

// has reports whether a subject was measured.
func (r *result) has(s subject) bool { return slices.Contains(r.subjects(), s) }

func (r *result) printRefreshes(out io.Writer, which string, p phase) {
	fmt.Fprintf(out, "  refreshes, %s run   %d refreshes: %d → %d sessions, database %s → %s", which, p.Answered,
		p.Before.Sessions, p.After.Sessions, megabytes(p.Before.Bytes), megabytes(p.After.Bytes))
	if p.After.LogBytes > 0 {
		fmt.Fprintf(out, ", write-ahead log %s → %s", megabytes(p.Before.LogBytes), megabytes(p.After.LogBytes))
	}
	fmt.Fprintln(out)
}

// printGrowth compares stores of different sizes.
func (r *result) printGrowth(out io.Writer) {
	ratio := column{"p50 ÷ smallest's", 2,
		func(t round, p phase) float64 { return p.P50 / t.phase(r.smallest(p.subject)).P50 }, false}
	added := column{"rows added", 0, func(_ round, p phase) float64 { return float64(p.added()) }, true}
	r.printTable(out, "store\tsessions", func(s subject) string { return fmt.Sprintf("%s\t%d", s.Store, s.Stored) },
		signatures, databaseCPU, p50, ratio, p99, rate, answers, failed, added)
	r.printRows(out)
	fmt.Fprintf(out, "\nrefresh_token over %d connections, of sessions chosen at random all over the "+
		"table. Each ratio compares two phases of the same run.\n",
		r.subjects()[0].Connections)
}

// smallest returns the same subject with the fewest sessions.
func (r *result) smallest(of subject) subject {
	subjects := r.subjects()
	return subjects[slices.IndexFunc(subjects, func(s subject) bool { return s.Store == of.Store })]
}

// printRows prints the size of the sessions, and how they are updated.
func (r *result) printRows(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "\nstore\tsessions\trows at the end\twith indexes\tbytes a row\tupdates\tHOT")
	for n, s := range r.subjects() {
		h := r.Servers[n]
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

// crowdLimit is how long an answer may take in a crowd. A server with more requests than connections to its database
// must answer all of them, only later. A server that blocks itself answers after its timeout for the database, which
// is five seconds; a shared disk may delay any answer by two.
const crowdLimit = 4 * time.Second

// printCrowd compares few connections with many.
func (r *result) printCrowd(out io.Writer) {
	slowest := column{"slowest ms", 0, func(_ round, p phase) float64 { return p.Slowest }, false}
	r.printTable(out, workloadTitles, subject.cells, rate, p50, p99, slowest, signatures, databaseCPU,
		answers, failed)
	fmt.Fprintf(out, "\nThe server has %d connections to PostgreSQL. No answer may take longer than %v.\n",
		poolSize, crowdLimit)
}

// printFlood compares refreshes with and without a concurrent flood of passwords.
func (r *result) printFlood(out io.Writer) {
	ratio := column{"p99 ÷ quiet", 2, func(t round,
		p phase) float64 {
		return p.P99 / t.phase(quiet(p.subject)).P99
	}, false}
	r.printTable(out, workloadTitles, subject.cells, p50, p99, ratio, rate, answers, failed)
	fmt.Fprintf(out, "\nThe flood consists of correct passwords, each from another address, %d times as many as "+
		"one core could hash.\n", floodFactor)
}

// quiet returns the same subject without the flood.
func quiet(of subject) subject {
	return of.with(refreshName)
}

// printSigners compares the servers of two builds. The ratio is computed for each run, from two consecutive phases.
func (r *result) printSigners(out io.Writer) {
	gain := column{"÷ Go's", 2, func(t round, p phase) float64 { return p.rate() / t.phase(byGo(p.subject)).rate() },
		false}
	names := func(s subject) string { return s.cells() + "\t" + s.Signer }
	r.printTable(out, workloadTitles+"\tsignatures by", names, signatures, cpu, outside, rate, gain, p50,
		p99, busy, answers, failed)
	var most []float64
	for _, t := range r.Runs {
		most = append(most, t.Signature.microseconds()/t.Library.microseconds())
	}
	fmt.Fprintf(out, "\nIn the time of one signature by Go, %s can be made and verified by %s; this limits the gain.\n",
		spreadOf(most).text(2), keys.BuiltBackend())
}

// byGo returns the same subject with Go's signatures.
func byGo(of subject) subject {
	of.Signer = goSigner
	return of
}
