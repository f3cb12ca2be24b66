package refreshtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Honest is a kind of client that follows the rules.
type Honest struct {
	Name     string
	Strict   bool // its record says that every refresh has a key
	Disturbs bool // the target is restarted, and restored from copies
	use      func(i *installation) error
}

// HonestClients returns all kinds of honest clients.
func HonestClients() []Honest {
	return []Honest{
		{"60 percent of the answers lost", true, false, patient(true)},
		{"60 percent of the answers lost, restored databases", true, true, patient(true)},
		{"60 percent of the answers lost, no keys", false, false, patient(false)},
		{"60 percent of the answers lost, no keys, restored databases", false, true, patient(false)},
		{"one token in 50 without a key", true, false, forgetful},
		{"a new key for each attempt", false, false, keyPerAttempt},
		{"three tabs with keys of their own", false, false, tabs(true)},
		{"three tabs without keys", false, false, tabs(false)},
		{"a fleet of which half sends keys", false, false, mixedFleet},
		{"a proxy that repeats late", true, false, duplicatingProxy},
		{"a storm of refreshes, one caller late", false, false, storm},
		{"the clock is set back", true, false, clockBack(true)},
		{"the clock is set back, no keys", false, false, clockBack(false)},
	}
}

// Run signs a user in and refreshes. It returns the number of refreshes, and an error if the session was lost.
func (h Honest) Run(target Target, random *rand.Rand, user string) (requests int, err error) {
	i, err := signIn(target, random, user)
	if err != nil {
		return 0, err
	}
	err = h.use(i)
	return i.requests, err
}

const lostShare = 0.6 // share of a patient client's responses that never arrive

// patient is an app with up to three callers at once. It repeats a request until it gets a response: with a key at any
// later time, without one for at most 20 seconds.
func patient(keyed bool) func(*installation) error {
	return func(i *installation) error {
		for attempt := range 100 {
			i.Move(pick(i.Rand, 10*time.Minute, time.Hour, 10*time.Hour))
			key := ""
			if keyed { // one key per refresh token, shared by all callers on that storage
				key = i.newKey()
			}
			if err := i.untilAnswered(key); err != nil {
				return fmt.Errorf("attempt %d: %w", attempt, err)
			}
		}
		return nil
	}
}

func (i *installation) untilAnswered(key string) error {
	for waited := time.Duration(0); ; {
		answer, took, err := i.callers(key)
		if err != nil {
			return err
		}
		waited += took
		// A client without keys has only the window, so its bad luck must end.
		if !i.happens(lostShare) || key == "" && waited > 18*time.Second {
			i.held = answer
			return nil
		}
		pause := pick(i.Rand, time.Second, 2*time.Second, 3*time.Second)
		if key != "" {
			pause = pick(i.Rand, time.Second, 5*time.Second, 29*time.Second, 31*time.Second, 10*time.Minute,
				10*time.Hour)
		}
		i.Move(pause)
		waited += pause
	}
}

// callers refreshes up to three times with the held token, at once or one after the other. It returns the answer, which
// must be the same for all, and how long it took.
func (i *installation) callers(key string) (string, time.Duration, error) {
	answers := make([]string, 1+i.IntN(3))
	errs := make([]error, len(answers))
	var took time.Duration
	if i.happens(0.5) {
		var group sync.WaitGroup
		for c := range answers {
			group.Go(func() { answers[c], errs[c] = i.Refresh(i.held, key) })
		}
		group.Wait()
		i.Disturb(i.Rand)
	} else {
		for c := range answers {
			answers[c], errs[c] = i.Refresh(i.held, key)
			took += i.pass()
			i.Disturb(i.Rand)
		}
	}
	i.requests += len(answers)
	if err := errors.Join(errs...); err != nil {
		return "", took, err
	}
	for _, answer := range answers {
		if answer != answers[0] {
			return "", took, errForked
		}
	}
	return answers[0], took, nil
}

// forgetful has no random source for one token in 50. It loses few responses and repeats within 20 seconds.
func forgetful(i *installation) error {
	for range 100 {
		i.Move(time.Hour)
		key := i.newKey()
		if i.happens(0.02) {
			key = ""
		}
		for try := 1; ; try++ {
			answer, err := i.ask(key)
			if err != nil {
				return err
			}
			if try == 8 || !i.happens(0.05) {
				i.held = answer
				break
			}
			i.Move(2 * time.Second)
		}
	}
	return nil
}

// keyPerAttempt is a library that makes a new key for each attempt; one response in 100 is lost.
func keyPerAttempt(i *installation) error {
	for range 100 {
		i.Move(time.Hour)
		for {
			answer, err := i.ask(i.newKey())
			if err != nil {
				return err
			}
			if !i.happens(0.01) {
				i.held = answer
				break
			}
			i.Move(pick(i.Rand, time.Second, 2*time.Second, 3*time.Second))
		}
	}
	return nil
}

// tabs are three tabs with one stored token, now and then at the same time, each with a key of its own or with none.
func tabs(keyed bool) func(*installation) error {
	return func(i *installation) error {
		for range 100 {
			i.Move(time.Hour)
			callers := 1
			if i.happens(0.05) {
				callers = 3
			}
			err := i.successive(callers, func() string {
				if keyed {
					return i.newKey()
				}
				return ""
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// mixedFleet is a back end during an upgrade: half of its callers send a key.
func mixedFleet(i *installation) error {
	for range 100 {
		i.Move(time.Hour)
		callers, key := 1, i.newKey()
		if i.happens(0.1) {
			callers = 2
		}
		err := i.successive(callers, func() string {
			if i.happens(0.5) {
				return key
			}
			return ""
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// successive lets callers refresh with the held token, one shortly after the other, and holds their answer.
func (i *installation) successive(callers int, key func() string) error {
	var first string
	for c := range callers {
		answer, err := i.ask(key())
		switch {
		case err != nil:
			return err
		case c == 0:
			first = answer
		case answer != first:
			return errForked
		}
		i.pass()
	}
	i.held = first
	return nil
}

// duplicatingProxy repeats one request in 100 after 40 to 120 seconds. In one of ten of these cases
// the client has refreshed again meanwhile.
func duplicatingProxy(i *installation) error {
	for range 300 {
		i.Move(time.Hour)
		old, key := i.held, i.newKey()
		if err := i.refresh(key); err != nil {
			return err
		}
		if !i.happens(0.01) {
			continue
		}
		late := 40*time.Second + time.Duration(i.IntN(80_000))*time.Millisecond
		if i.happens(0.1) {
			i.Move(20 * time.Second)
			late -= 20 * time.Second
			if err := i.refresh(i.newKey()); err != nil {
				return err
			}
		}
		i.Move(late)
		i.requests++
		if _, err := i.Refresh(old, key); err != nil {
			return err
		}
	}
	return nil
}

// storm is 5 to 14 quick refreshes without keys by replicas that share a token. One slow caller has the first one.
func storm(i *installation) error {
	first := i.held
	for range 5 + i.IntN(10) {
		if err := i.refresh(""); err != nil {
			return err
		}
		i.Move(200 * time.Millisecond)
		i.pass()
	}
	i.requests++
	answer, err := i.Refresh(first, "")
	if err == nil && answer != i.held {
		err = errForked
	}
	return err
}

// clockBack loses a response, and a failover before the repeat sets the clock back by a minute. The repeat may be
// rejected while the clock is behind, but the session must not end.
func clockBack(keyed bool) func(*installation) error {
	return func(i *installation) error {
		for range 100 {
			i.Move(time.Hour)
			key := ""
			if keyed {
				key = i.newKey()
			}
			answer, err := i.ask(key)
			if err != nil {
				return err
			}
			if i.happens(0.01) {
				i.Move(-time.Minute + 2*time.Second)
				if answer, err = i.ask(key); err != nil && !i.Ended(i.held) {
					i.Move(75 * time.Second)
					answer, err = i.ask(key)
				}
				if err != nil {
					return err
				}
			}
			i.held = answer
		}
		return nil
	}
}
