// Command bench measures the cost of a token: the server's CPU time per token, divided by the CPU time of one
// RSA-2048 signature that is measured in the same run on the same core. The quotient is nearly the same on slow and
// fast machines.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

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
	return o.run(out, progress)
}

// run runs the benchmark with the options.
func (o options) run(out, progress io.Writer) error {
	switch {
	case o.sign:
		return measureUnit(out, o.duration(), signature)
	case o.signLibrary:
		return measureUnit(out, o.duration(), librarySignature)
	case o.hash:
		return measureUnit(out, o.duration(), passwordHash)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
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
	if o.plot != "" {
		if err := result.savePlot(o.plot); err != nil {
			return err
		}
	}
	return result.problems()
}

// measure makes all measurements in order.
func measure(ctx context.Context, o options, progress io.Writer) (result *result, err error) {
	result = newResult(o)
	fmt.Fprintln(progress, "building lingpai")
	testbed, err := openTestbed(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if ctx.Err() != nil { // the interruption caused the error
			err = errors.New("interrupted")
		}
		err = errors.Join(err, testbed.close())
	}()
	result.Placement, result.ProgramSize = testbed.cores.note, fileSize(testbed.programs[0].path)
	benchmarks, err := testbed.openBenchmarks(ctx, o, progress)
	if err != nil {
		return nil, err
	}
	for n := range o.runs {
		fmt.Fprintf(progress, "run %d of %d\n", n+1, o.runs)
		if err := result.addRun(ctx, o, testbed, benchmarks, progress); err != nil {
			return nil, err
		}
	}
	for _, s := range testbed.servers {
		if err := s.recordFinalState(ctx); err != nil {
			return nil, err
		}
		result.Servers = append(result.Servers, s.report)
	}
	return result, checkTokens(benchmarks)
}

// addRun measures everything once. A benchmark is compared with the signatures right before and after it, since the
// speed of a shared machine changes within seconds.
func (r *result) addRun(ctx context.Context, o options, testbed *testbed, benchmarks []*benchmark,
	progress io.Writer) error {
	before, err := testbed.measureSigning(ctx, o, progress)
	if err != nil {
		return err
	}
	round := round{signing: before}
	if o.wants(passwordName) || o.flood {
		if round.Hash, err = testbed.measureUnit(ctx, o, "-hash"); err != nil {
			return err
		}
		fmt.Fprintf(progress, "  %-58s %7.0f µs\n", "argon2id hash", round.Hash.microseconds())
	}
	if withLibrary() {
		if round.Speed, err = testbed.measureSpeed(ctx, o, progress); err != nil {
			return err
		}
	}
	for _, t := range benchmarks {
		measured, err := t.run(ctx, o, before.Signature, round.Hash)
		if err != nil {
			return fmt.Errorf("%s: %w", t.subject, err)
		}
		fmt.Fprintf(progress, "  %-58s %7.0f µs  %7.0f answers/s\n", t.subject, measured.microseconds(),
			measured.rate())
		after, err := testbed.measureSigning(ctx, o, progress)
		if err != nil {
			return err
		}
		measured.signing = before.and(after)
		round.Phases = append(round.Phases, measured)
		round.signing, before = round.signing.and(after), after
	}
	r.Runs = append(r.Runs, round)
	return nil
}
