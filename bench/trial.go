package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// subject says what is measured, and tells it from all else in a run.
type subject struct {
	Workload    string `json:"workload"`
	Store       string `json:"store"`
	Signer      string `json:"signer"`
	Stored      int    `json:"stored_sessions,omitempty"` // -growth: how many sessions the store was given
	Connections int    `json:"connections"`
}

// String names the subject in messages.
func (s subject) String() string {
	name := fmt.Sprintf("%s, %s, %s, %d connections", s.Workload, s.Store, s.Signer, s.Connections)
	if s.Stored > 0 {
		name += fmt.Sprintf(", %d sessions", s.Stored)
	}
	return name
}

// trial is a subject with what is needed to measure it.
type trial struct {
	subject
	house    *house
	workload *workload
}

// lineUp opens the houses and returns the trials in the order of their turns: what is compared comes one
// right after the other.
func (s *site) lineUp(ctx context.Context, o options, progress io.Writer) ([]*trial, error) {
	sizes, enter := []int{0}, enterWorkloads
	switch {
	case o.growth:
		sizes, enter = o.sizes, enterGrowth
	case o.crowd:
		enter = enterCrowd
	case o.flood:
		enter = enterFlood
	}
	var lanes [][]*trial
	for _, kind := range o.stores() {
		for _, size := range sizes {
			for _, program := range s.programs {
				house, err := s.openHouse(ctx, o, program, kind, size, progress)
				if err != nil {
					return nil, err
				}
				if size > 0 {
					fmt.Fprintf(progress, "filling the store with %d sessions\n", size)
				}
				lane, err := enter(ctx, o, house)
				if err != nil {
					return nil, err
				}
				lanes = append(lanes, lane)
			}
		}
	}
	var trials []*trial
	for n := range lanes[0] {
		for _, lane := range lanes {
			trials = append(trials, lane[n])
		}
	}
	return trials, nil
}

// run gives the trial its turn. A server with one core cannot answer more token requests than the signatures
// that the core could make, so that many are prepared for.
func (t *trial) run(ctx context.Context, o options, signature, hash unit) (phase, error) {
	if t.workload.prepare != nil {
		most := (o.duration() + o.warmUp()).Seconds() / (signature.CPU / float64(signature.Count))
		if err := t.workload.prepare(ctx, min(int(most)+t.Connections, mostCodes)); err != nil {
			return phase{}, err
		}
	}
	before, err := t.house.store.look(ctx)
	if err != nil {
		return phase{}, err
	}
	stop := func() error { return nil }
	if t.workload.beside != nil {
		stop = t.workload.beside(time.Duration(hash.microseconds() * float64(time.Microsecond)))
	}
	p, err := drive(ctx, t.workload.target.Host, t.workload.clients, o.warmUp(), o.duration(), t.house)
	if err = errors.Join(err, stop()); err != nil {
		return phase{}, err
	}
	p.subject, p.Before = t.subject, before
	p.After, err = t.house.store.look(ctx)
	return p, err
}
