package refreshtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	honestLength = 300 // number of refreshes
	lostShare    = 0.6 // share of responses that never arrive
)

// Honest is a client that follows the rules. Its responses get lost, several callers refresh in parallel, and
// repeated requests come late: with a key at any later time, without one within the window of 30 seconds.
type Honest struct {
	Target Target
	Random *rand.Rand
	Keyed  bool
}

// Run signs a user in and refreshes. It returns the number of requests, and an error if the session was lost.
func (h Honest) Run(user string) (requests int, err error) {
	held, err := h.Target.SignIn(user)
	if err != nil {
		return 0, err
	}
	for attempt := range honestLength {
		h.Target.Move(pick(h.Random, 10*time.Minute, time.Hour, 10*time.Hour))
		key := ""
		if h.Keyed { // one key per refresh token, shared by all callers on that storage
			key = fmt.Sprintf("%s-attempt-%d-of-a-random-key", user, attempt)
		}
		next, made, err := h.refresh(held, key)
		requests += made
		if err != nil {
			return requests, fmt.Errorf("attempt %d: %w", attempt, err)
		}
		held = next
	}
	return requests, nil
}

// refresh repeats the request until a response arrives.
func (h Honest) refresh(held, key string) (arrived string, requests int, err error) {
	var waited time.Duration
	for arrived == "" {
		answers, err := h.callers(held, key)
		requests += len(answers)
		if err != nil {
			return "", requests, err
		}
		waited += h.pass(time.Duration(h.Random.IntN(1500)) * time.Millisecond)
		for _, answer := range answers {
			// A client without keys must get a response within the window, so responses arrive once
			// 18 seconds have passed.
			if h.Random.Float64() > lostShare || !h.Keyed && waited > 18*time.Second {
				arrived = h.later(arrived, answer)
			}
		}
		h.Target.Disturb(h.Random)
		if arrived == "" {
			waited += h.pause()
		}
	}
	return arrived, requests, nil
}

// callers refreshes with one token from several goroutines in parallel.
func (h Honest) callers(held, key string) ([]string, error) {
	answers := make([]string, 1+h.Random.IntN(3))
	errs := make([]error, len(answers))
	var group sync.WaitGroup
	for c := range answers {
		group.Go(func() { answers[c], errs[c] = h.Target.Refresh(held, key) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return answers, err
	}
	for _, answer := range answers[1:] {
		if answer != answers[0] {
			return answers, errors.New("the session forked: callers with one refresh token got different ones")
		}
	}
	return answers, nil
}

// later returns the token of the higher generation, since a client keeps the newest one that it received.
func (h Honest) later(a, b string) string {
	if a != "" && h.Target.Generation(a) > h.Target.Generation(b) {
		return a
	}
	return b
}

// pause advances the clock by the time that a client waits before it repeats a request.
func (h Honest) pause() time.Duration {
	if h.Keyed {
		return h.pass(pick(h.Random, time.Second, 5*time.Second, 29*time.Second, 31*time.Second, 10*time.Minute,
			10*time.Hour))
	}
	return h.pass(pick(h.Random, time.Second, 2*time.Second, 3*time.Second))
}

func (h Honest) pass(by time.Duration) time.Duration {
	h.Target.Move(by)
	return by
}
