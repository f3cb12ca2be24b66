package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// subject identifies a measurement; it is unique within a run.
type subject struct {
	Workload    string `json:"workload"`
	Store       string `json:"store"`
	Signer      string `json:"signer"`
	Stored      int    `json:"stored_sessions,omitempty"` // -growth: the number of sessions in the store
	Connections int    `json:"connections"`
}

// String returns the name of the subject for messages.
func (s subject) String() string {
	name := fmt.Sprintf("%s, %s, %s, %d connections", s.Workload, s.Store, s.Signer, s.Connections)
	if s.Stored > 0 {
		name += fmt.Sprintf(", %d sessions", s.Stored)
	}
	return name
}

// benchmark is a subject with its server and its clients.
type benchmark struct {
	subject
	server   *server
	workload *workload
}

// openBenchmarks starts the servers and returns the benchmarks in the order of their measurement. Compared ones are
// adjacent.
func (b *testbed) openBenchmarks(ctx context.Context, o options, progress io.Writer) ([]*benchmark, error) {
	sizes, openBenchmarksOf := []int{0}, workloadBenchmarks
	switch {
	case o.growth:
		sizes, openBenchmarksOf = o.sizes, growthBenchmarks
	case o.crowd:
		openBenchmarksOf = crowdBenchmarks
	case o.flood:
		openBenchmarksOf = floodBenchmarks
	}
	var perServer [][]*benchmark
	for _, kind := range o.stores() {
		for _, size := range sizes {
			for _, program := range b.programs {
				server, err := b.startServer(ctx, o, program, kind, size, progress)
				if err != nil {
					return nil, err
				}
				if size > 0 {
					fmt.Fprintf(progress, "filling the store with %d sessions\n", size)
				}
				here, err := openBenchmarksOf(ctx, o, server)
				if err != nil {
					return nil, err
				}
				perServer = append(perServer, here)
			}
		}
	}
	var benchmarks []*benchmark
	for n := range perServer[0] {
		for _, here := range perServer {
			benchmarks = append(benchmarks, here[n])
		}
	}
	return benchmarks, nil
}

// run measures the benchmark once. It prepares a request for each signature that one core could make, since a
// server with one core cannot answer more.
func (t *benchmark) run(ctx context.Context, o options, signature, hash unit) (phase, error) {
	if t.workload.prepare != nil {
		most := (o.duration() + o.warmUp()).Seconds() / (signature.CPU / float64(signature.Count))
		if err := t.workload.prepare(ctx, min(int(min(most, maxCodes))+t.Connections, maxCodes)); err != nil {
			return phase{}, err
		}
	}
	before, err := t.server.store.readState(ctx)
	if err != nil {
		return phase{}, err
	}
	stop := func() error { return nil }
	if t.workload.background != nil {
		stop = t.workload.background(time.Duration(hash.microseconds() * float64(time.Microsecond)))
	}
	p, err := drive(ctx, t.workload.target.Host, t.workload.clients, o.warmUp(), o.duration(), t.server)
	if err = errors.Join(err, stop()); err != nil {
		return phase{}, err
	}
	p.subject, p.Before = t.subject, before
	p.After, err = t.server.store.readState(ctx)
	return p, err
}
