// Command bench measures what a token costs: the server's CPU per token, divided by the CPU of one RSA-2048 signature that is measured in
// the same run on the same core. The quotient is nearly the same on a slow machine and on a fast one, since both grow together.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

const usage = `Usage: go run ./bench [flags]

Builds lingpai, runs it as a process of its own beside a WeChat simulator, and asks for tokens in a closed loop: every
connection sends its next request when it has the answer to the last. It prints, for each workload, the server's CPU for
one answer and how many RSA-2048 signatures that would have paid for.

  refresh_token   each connection holds a session and refreshes it over and over
  wechat_code     people who have signed in before do so again, with a fresh code each
  password        a confidential client signs a user in; nearly all of it is the argon2id hash
  jwks            GET of the key set, as resource servers do

No ID token is asked for, so a token is one signature. The server has one core (GOMAXPROCS=1, and pinned where taskset
exists); the simulator and this program have the others. CPU is measured on Linux only. The workloads take turns, so that
a machine that gets slower or busier does so for all of them; the table has medians, and lowest and highest in brackets.

Flags:
`

type options struct {
	seconds     float64
	runs        int
	connections int
	only        string
	logLevel    string
	folder      string
	json        string
	sign, hash  bool
}

func main() {
	err := run(os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(arguments []string, out, progress io.Writer) error {
	o, err := parseOptions(arguments, progress)
	if err != nil {
		return err
	}
	switch {
	case o.sign:
		return measureUnit(out, o.duration(), signature)
	case o.hash:
		return measureUnit(out, o.duration(), passwordHash)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	result, err := measure(ctx, o, progress)
	if err != nil {
		return err
	}
	result.print(out)
	if o.json != "" {
		if err := result.save(o.json); err != nil {
			return err
		}
	}
	return result.faults()
}

func parseOptions(arguments []string, help io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(help)
	flags.Usage = func() {
		fmt.Fprint(help, usage)
		flags.PrintDefaults()
	}
	flags.Float64Var(&o.seconds, "seconds", 5, "measured `seconds` of a workload in each run; a fifth of them more warms up")
	flags.IntVar(&o.runs, "runs", 5, "how often all workloads take their turn")
	flags.IntVar(&o.connections, "connections", 8, "keep-alive connections; password uses two at most, since a server hashes for one caller only so much")
	flags.StringVar(&o.only, "only", strings.Join(workloadNames(), ","), "workloads to run")
	flags.StringVar(&o.logLevel, "log-level", "warn", "the server's log level; at info, the default of lingpai serve, it logs a line for every token")
	flags.StringVar(&o.folder, "folder", "", "where the database is made; default the system's folder for temporary files")
	flags.StringVar(&o.json, "json", "", "also write all figures to this `file`")
	flags.BoolVar(&o.sign, "sign", false, "only measure signatures in this process; the program calls itself so")
	flags.BoolVar(&o.hash, "hash", false, "only measure password hashes in this process; the program calls itself so")
	if err := flags.Parse(arguments); err != nil {
		return o, err
	}
	return o, o.check(flags.NArg())
}

func (o options) check(rest int) error {
	switch {
	case rest > 0:
		return errors.New("only flags are understood; see -h")
	case o.seconds < 0.1 || o.seconds > 60 || math.IsNaN(o.seconds):
		return errors.New("-seconds: 0.1 to 60")
	case o.runs < 1 || o.runs > 1000:
		return errors.New("-runs: 1 to 1000")
	case o.connections < 1 || o.connections > 64:
		return errors.New("-connections: 1 to 64")
	}
	for name := range strings.SplitSeq(o.only, ",") {
		if !slices.Contains(workloadNames(), name) {
			return fmt.Errorf("-only: %q is none of %s", name, strings.Join(workloadNames(), ", "))
		}
	}
	return nil
}

func (o options) duration() time.Duration { return time.Duration(o.seconds * float64(time.Second)) }

// warmUp is long enough for caches, statements and connections, and short beside what is measured.
func (o options) warmUp() time.Duration { return o.duration() / 5 }

// measure is the order of work.
func measure(ctx context.Context, o options, progress io.Writer) (*result, error) {
	result := newResult(o)
	fmt.Fprintln(progress, "building lingpai")
	house, err := openHouse(ctx, o)
	if err != nil {
		return nil, err
	}
	defer house.close()
	result.Placement = house.cores.note
	// The first start makes keys and the database; the second is what a restart is like, and its server takes the load.
	for _, startup := range []*float64{&result.FirstStartMS, &result.RestartMS} {
		fmt.Fprintln(progress, "starting the server")
		if *startup, err = house.restart(ctx, o); err != nil {
			return nil, err
		}
	}
	result.IdleMemory = house.server.memory()
	workloads, err := newWorkloads(ctx, o, house)
	if err != nil {
		return nil, err
	}
	for n := range o.runs {
		fmt.Fprintf(progress, "run %d of %d\n", n+1, o.runs)
		if err := result.addRun(ctx, o, house, workloads, progress); err != nil {
			return nil, err
		}
	}
	result.LoadedMemory = house.server.memory()
	return result, checkTokens(house.ready.JWKSURI, workloads)
}

// addRun gives everything its turn once. A workload is compared with the signatures right before and after it, since a machine that others
// use too changes its speed within seconds.
func (r *result) addRun(ctx context.Context, o options, house *house, workloads []*workload, progress io.Writer) error {
	turn := turn{Phases: map[string]phase{}}
	before, err := house.measureSignature(ctx, o, progress)
	if err != nil {
		return err
	}
	turn.Signature = before
	if slices.Contains(strings.Split(o.only, ","), passwordName) {
		if turn.Hash, err = house.measureUnit(ctx, o, "-hash"); err != nil {
			return err
		}
		fmt.Fprintf(progress, "  %-14s %7.0f µs\n", "argon2id hash", turn.Hash.microseconds())
	}
	for _, w := range workloads {
		rows := house.database()
		measured, err := w.run(ctx, o, house, before)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		measured.Before, measured.After = rows, house.database()
		fmt.Fprintf(progress, "  %-14s %7.0f µs  %7.0f answers/s\n", w.name, measured.microseconds(), measured.rate())
		after, err := house.measureSignature(ctx, o, progress)
		if err != nil {
			return err
		}
		measured.Signature = before.and(after)
		turn.Phases[w.name] = measured
		turn.Signature, before = turn.Signature.and(after), after
	}
	r.Runs = append(r.Runs, turn)
	return nil
}
