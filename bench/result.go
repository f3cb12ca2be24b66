package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"github.com/lingpai/lingpai/keys"
)

// result is everything that was measured, as -json writes it.
type result struct {
	System      string         `json:"system"`
	Placement   string         `json:"placement"`
	CPUMeasured bool           `json:"cpu_measured"`
	Experiment  string         `json:"experiment"`
	Seconds     float64        `json:"seconds"`
	LogLevel    string         `json:"log_level"`
	Connections []int          `json:"connections"`
	ProgramSize int64          `json:"program_bytes"` // stripped
	Servers     []serverReport `json:"servers"`
	Runs        []round        `json:"runs"`
}

// The experiments.
const (
	compareWorkloads = "workloads"
	compareSizes     = "growth"
	compareCrowds    = "crowd"
	compareFlood     = "flood"
	compareSigners   = "signers"
)

// round has the measurements of one run.
type round struct {
	signing
	Hash   unit    `json:"password_hash"`
	Speed  float64 `json:"openssl_speed_microseconds"` // of a signature, by openssl speed
	Phases []phase `json:"phases"`
}

// phase returns the phase of a subject.
func (t round) phase(s subject) phase {
	return t.Phases[slices.IndexFunc(t.Phases, func(p phase) bool { return p.subject == s })]
}

func newResult(o options) *result {
	_, measured := cpuTime(os.Getpid())
	r := &result{
		System: fmt.Sprintf("%s %s/%s, %d cores", runtime.Version(), runtime.GOOS, runtime.GOARCH,
			runtime.NumCPU()),
		CPUMeasured: measured, Seconds: o.seconds, LogLevel: o.logLevel, Connections: o.connections,
		Experiment: compareWorkloads,
	}
	switch {
	case o.growth:
		r.Experiment = compareSizes
	case o.crowd:
		r.Experiment = compareCrowds
	case o.flood:
		r.Experiment = compareFlood
	case o.signers:
		r.Experiment = compareSigners
	}
	return r
}

func (r *result) save(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// problems returns an error if answers were wrong: then the figures cannot be trusted.
func (r *result) problems() error {
	var problems []error
	for n, round := range r.Runs {
		for _, p := range round.Phases {
			problem := func(format string, arguments ...any) {
				problems = append(problems, fmt.Errorf("run %d, %s: %w", n+1, p.subject,
					fmt.Errorf(format, arguments...)))
			}
			if p.Failed > 0 {
				problem("%d requests failed, the first with %s", p.Failed, p.FirstFailure)
			}
			if p.Workload == refreshName && p.added() != 0 {
				problem("refreshes added %d sessions", p.added())
			}
			if r.Experiment == compareCrowds && p.Slowest > milliseconds(crowdLimit) {
				problem("an answer took %.0f ms, but the limit is %v", p.Slowest, crowdLimit)
			}
		}
	}
	return errors.Join(problems...)
}

// subjects returns the measured subjects in the order of their measurement.
func (r *result) subjects() []subject {
	var subjects []subject
	for _, p := range r.Runs[0].Phases {
		subjects = append(subjects, p.subject)
	}
	return subjects
}

// over collects a figure of every run.
func (r *result) over(s subject, figure func(round, phase) float64) spread {
	var values []float64
	for _, round := range r.Runs {
		values = append(values, figure(round, round.phase(s)))
	}
	return spreadOf(values)
}

func (r *result) print(out io.Writer) {
	fmt.Fprintf(out, "%s; GOMAXPROCS=1; signatures by %s; %s\n", r.System, keys.BuiltBackend(), r.Placement)
	fmt.Fprintf(out, "%d runs of %v s, log level %s; median [lowest–highest]; the program has %s, stripped\n",
		len(r.Runs), r.Seconds, r.LogLevel, mebibytes(r.ProgramSize))
	if !r.CPUMeasured {
		fmt.Fprintln(out, "The server's CPU is measured on Linux only, so costs are missing here; the cost of "+
			"a signature is elapsed time.")
	}
	r.printUnits(out)
	switch r.Experiment {
	case compareSizes:
		r.printGrowth(out)
	case compareCrowds:
		r.printCrowd(out)
	case compareFlood:
		r.printFlood(out)
	case compareSigners:
		r.printSigners(out)
	default:
		r.printWorkloads(out)
	}
}

func (r *result) printUnits(out io.Writer) {
	var signatures, hashes, libraries, speeds []float64
	for _, round := range r.Runs {
		signatures = append(signatures, round.Signature.microseconds())
		hashes = append(hashes, round.Hash.microseconds())
		libraries = append(libraries, round.Library.microseconds())
		speeds = append(speeds, round.Speed)
	}
	fmt.Fprintf(out, "\none RSA-2048 signature  %s µs CPU\n", spreadOf(signatures).text(0))
	if library := spreadOf(libraries); library.median > 0 {
		fmt.Fprintf(out, "  by %s, verified  %s µs CPU\n", keys.BuiltBackend(), library.text(0))
	}
	if speed := spreadOf(speeds); speed.median > 0 {
		fmt.Fprintf(out, "  by openssl speed        %s µs\n", speed.text(0))
	}
	if hash := spreadOf(hashes); hash.median > 0 {
		fmt.Fprintf(out, "one argon2id hash       %s µs CPU\n", hash.text(0))
	}
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

func mebibytes(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
