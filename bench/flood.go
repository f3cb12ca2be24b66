package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	floodedName = "refresh_token, flooded"

	// floodFactor is the rate of the flood, as a multiple of what one core could hash if it did nothing else.
	floodFactor = 2
	// floodConnections is more than the server lets wait, so that the flood does not wait for answers.
	floodConnections = 160
)

// floodBenchmarks returns the benchmarks with and without a concurrent flood of passwords.
func floodBenchmarks(ctx context.Context, o options, s *server) ([]*benchmark, error) {
	endpoint, err := s.endpoint()
	if err != nil {
		return nil, err
	}
	known, err := signInAll(ctx, endpoint, s, 2*o.connections[0])
	if err != nil {
		return nil, err
	}
	quiet := refreshWorkload(s, endpoint, known[:o.connections[0]])
	flooded := refreshWorkload(s, endpoint, known[o.connections[0]:])
	flooded.name = floodedName
	flooded.background = func(hash time.Duration) (stop func() error) { return s.flood(endpoint, hash/floodFactor) }
	return []*benchmark{quiet.benchmark(s), flooded.benchmark(s)}, nil
}

// flood sends correct passwords, each from another address, one in every interval whether or not earlier ones were
// answered. stop ends it, and returns an error if the flood could not keep its rate.
func (s *server) flood(endpoint *url.URL, interval time.Duration) (stop func() error) {
	request := s.passwordRequest(endpoint)
	ctx, cancel := context.WithCancel(context.Background())
	turns := make(chan int, floodConnections)
	var sent, late atomic.Int64
	var running sync.WaitGroup
	for range floodConnections {
		running.Go(func() {
			for n := range turns {
				from := fmt.Appendf(nil, "\r\nX-Forwarded-For: 10.%d.%d.%d\r\n", n>>16&255, n>>8&255, n&255)
				if connection, err := dial(endpoint.Host); err == nil {
					// the answer does not matter
					_, _ = connection.exchange(bytes.Replace(request, []byte("\r\n"), from, 1))
					_ = connection.raw.Close()
					sent.Add(1)
				}
			}
		})
	}
	running.Go(func() {
		defer close(turns)
		for n := 0; ctx.Err() == nil; n++ {
			select {
			case turns <- n:
			default:
				late.Add(1)
			}
			_ = pause(ctx, interval)
		}
	})
	return func() error {
		cancel()
		running.Wait()
		if late.Load() > sent.Load()/10 {
			return errors.New("the flood was too slow")
		}
		return nil
	}
}
