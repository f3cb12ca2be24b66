package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
)

const (
	// mostMeasured is how many sessions of a store are refreshed at most. Each lies among others that are
	// not, so that a large store has as many pages to find and to change.
	mostMeasured = 900
	// rotations is how many refreshes a session remembers: its row has its full size after so many.
	rotations = 8
)

// enterGrowth fills the house's store, and refreshes sessions at random all over it. Their number is the same
// in every store.
func enterGrowth(ctx context.Context, o options, h *house) ([]*trial, error) {
	endpoint, err := h.endpoint()
	if err != nil {
		return nil, err
	}
	sessions, err := h.fill(ctx, endpoint, min(mostMeasured, o.sizes[0]*9/10))
	if err != nil {
		return nil, fmt.Errorf("filling the store: %w", err)
	}
	wanderers := make([]*wanderer, o.connections[0])
	w := &workload{name: refreshName, target: endpoint, token: func() string { return sessions[0].AccessToken }}
	for n := range wanderers {
		wanderers[n] = &wanderer{}
		w.clients = append(w.clients, wanderers[n])
	}
	for n, session := range sessions {
		session.next = refresh(h, endpoint)
		own := wanderers[n%len(wanderers)]
		own.sessions = append(own.sessions, session)
	}
	if err := ripen(endpoint, wanderers); err != nil {
		return nil, err
	}
	return []*trial{w.trial(h)}, h.store.tidy(ctx)
}

// wanderer refreshes one of its sessions after another, chosen at random.
type wanderer struct {
	sessions []*holder
	current  *holder
}

func (w *wanderer) request() ([]byte, error) {
	w.current = w.sessions[rand.IntN(len(w.sessions))]
	return w.current.request()
}

func (w *wanderer) answered(body []byte) error { return w.current.answered(body) }

// ripen refreshes every session until its row has its full size.
func ripen(endpoint *url.URL, wanderers []*wanderer) error {
	faults := make([]error, len(wanderers))
	var running sync.WaitGroup
	for n, w := range wanderers {
		running.Go(func() { faults[n] = w.refreshAll(endpoint) })
	}
	running.Wait()
	return errors.Join(faults...)
}

func (w *wanderer) refreshAll(endpoint *url.URL) error {
	connection, err := dial(endpoint.Host)
	if err != nil {
		return err
	}
	defer connection.raw.Close()
	for range rotations {
		for _, session := range w.sessions {
			if err := session.ask(connection); err != nil {
				return err
			}
		}
	}
	return nil
}
