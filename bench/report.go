package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"text/tabwriter"
)

// result is everything that was measured, as -json writes it.
type result struct {
	System       string  `json:"system"`
	Placement    string  `json:"placement"`
	CPUMeasured  bool    `json:"cpu_measured"`
	Seconds      float64 `json:"seconds"`
	Connections  int     `json:"connections"`
	LogLevel     string  `json:"log_level"`
	FirstStartMS float64 `json:"first_start_ms"`
	RestartMS    float64 `json:"restart_ms"`
	IdleMemory   memory  `json:"idle_memory_bytes"`
	LoadedMemory memory  `json:"loaded_memory_bytes"`
	Runs         []turn  `json:"runs"`
}

// turn is one run of everything.
type turn struct {
	Signature unit             `json:"signature"`
	Hash      unit             `json:"password_hash"`
	Phases    map[string]phase `json:"workloads"`
}

func newResult(o options) *result {
	_, measured := cpuTime(os.Getpid())
	return &result{
		System:      fmt.Sprintf("%s %s/%s, %d cores", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU()),
		CPUMeasured: measured, Seconds: o.seconds, Connections: o.connections, LogLevel: o.logLevel,
	}
}

func (r *result) save(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// faults tells of answers that were not what they should be: then the figures are not what they seem.
func (r *result) faults() error {
	var faults []error
	for n, turn := range r.Runs {
		for _, name := range workloadNames() {
			if p := turn.Phases[name]; p.Failed > 0 {
				faults = append(faults, fmt.Errorf("run %d, %s: %d requests failed, the first with %s", n+1, name, p.Failed, p.FirstFailure))
			}
		}
	}
	return errors.Join(faults...)
}

// over collects a figure of every run in which the workload had its turn.
func (r *result) over(name string, figure func(turn, phase) float64) spread {
	var values []float64
	for _, turn := range r.Runs {
		if p, ok := turn.Phases[name]; ok {
			values = append(values, figure(turn, p))
		}
	}
	return spreadOf(values)
}

func (r *result) print(out io.Writer) {
	fmt.Fprintf(out, "%s; GOMAXPROCS=1; %s\n", r.System, r.Placement)
	fmt.Fprintf(out, "%d runs of %v s, %d connections, log level %s; median [lowest–highest]\n", len(r.Runs), r.Seconds, r.Connections, r.LogLevel)
	if !r.CPUMeasured {
		fmt.Fprintln(out, "The server's CPU is measured on Linux only, so costs are missing here; that of a signature is elapsed time.")
	}
	r.printUnits(out)
	r.printWorkloads(out)
	r.printServer(out)
}

func (r *result) printUnits(out io.Writer) {
	var signatures, hashes []float64
	for _, turn := range r.Runs {
		signatures = append(signatures, turn.Signature.microseconds())
		hashes = append(hashes, turn.Hash.microseconds())
	}
	fmt.Fprintf(out, "\none RSA-2048 signature  %s µs CPU\n", spreadOf(signatures).text(0))
	if hash := spreadOf(hashes); hash.median > 0 {
		fmt.Fprintf(out, "one argon2id hash       %s µs CPU\n", hash.text(0))
	}
}

func (r *result) printWorkloads(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "\nworkload\tCPU in signatures\tCPU µs\tanswers/s\tp50 ms\tp99 ms\tcore busy\tanswers\tfailed")
	for _, name := range workloadNames() {
		rate := r.over(name, func(_ turn, p phase) float64 { return p.rate() })
		if rate.count == 0 {
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.0f\t%.0f\n", name,
			r.cost(name, 3, func(t turn, p phase) float64 { return p.microseconds() / p.Signature.microseconds() }),
			r.cost(name, 1, func(_ turn, p phase) float64 { return p.microseconds() }),
			rate.text(0),
			r.over(name, func(_ turn, p phase) float64 { return p.P50 }).text(2),
			r.over(name, func(_ turn, p phase) float64 { return p.P99 }).text(2),
			r.cost(name, 2, func(_ turn, p phase) float64 { return p.busy() }),
			r.over(name, func(_ turn, p phase) float64 { return float64(p.Answered) }).sum,
			r.over(name, func(_ turn, p phase) float64 { return float64(p.Failed) }).sum)
	}
	table.Flush()
}

// cost is a figure that needs the server's CPU.
func (r *result) cost(name string, decimals int, figure func(turn, phase) float64) string {
	if !r.CPUMeasured {
		return "–"
	}
	return r.over(name, figure).text(decimals)
}

func (r *result) printServer(out io.Writer) {
	fmt.Fprintln(out)
	if r.CPUMeasured {
		r.printExtra(out)
	}
	if n := len(r.Runs); n > 0 {
		r.printDatabase(out)
	}
	fmt.Fprintf(out, "start to first token    %.0f ms with a new folder, %.0f ms again (lingpai dev, which hashes a password and verifies the token)\n",
		r.FirstStartMS, r.RestartMS)
	if r.IdleMemory.Now > 0 {
		fmt.Fprintf(out, "resident memory         %s idle, %s after the load, %s at most\n",
			megabytes(r.IdleMemory.Now), megabytes(r.LoadedMemory.Now), megabytes(r.LoadedMemory.Peak))
	}
}

// printExtra says what the headline hides: the hash in a password's cost, and how many answers a whole core would give.
func (r *result) printExtra(out io.Writer) {
	beside := r.over(passwordName, func(t turn, p phase) float64 {
		return (p.microseconds() - t.Hash.microseconds()) / p.Signature.microseconds()
	})
	if beside.count > 0 {
		fmt.Fprintf(out, "password beside hash    %s signatures\n", beside.text(2))
	}
	if full := r.over(jwksName, func(_ turn, p phase) float64 { return p.rate() / p.busy() }); full.count > 0 {
		fmt.Fprintf(out, "jwks on a whole core    %s answers/s (answers/s over core busy)\n", full.text(0))
	}
}

func (r *result) printDatabase(out io.Writer) {
	first, ok1 := r.Runs[0].Phases[refreshName]
	last, ok2 := r.Runs[len(r.Runs)-1].Phases[refreshName]
	if !ok1 || !ok2 {
		return
	}
	for _, line := range []struct {
		name string
		p    phase
	}{{"refreshes, first run   ", first}, {"refreshes, last run    ", last}} {
		fmt.Fprintf(out, "%s %d refreshes: %d → %d sessions, database %s → %s, write-ahead log %s → %s\n", line.name, line.p.Answered,
			line.p.Before.Sessions, line.p.After.Sessions, megabytes(line.p.Before.Bytes), megabytes(line.p.After.Bytes),
			megabytes(line.p.Before.LogBytes), megabytes(line.p.After.LogBytes))
	}
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
