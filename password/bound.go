package password

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// ErrBusy means that too many hashes wait for a slot. Trying again shortly helps.
var ErrBusy = errors.New("too many passwords are being hashed")

// Caller is the caller that a password is hashed for. The zero value is this server.
type Caller struct {
	// Network is the network of the caller's address. Networks share the slots fairly, so it should be the widest that
	// one attacker may own.
	Network string
	Known   bool // the user has signed in from there: goes before others
}

// bound limits how many hashes run and how many wait. The known callers wait in front of the others, and within each
// group the networks take turns. If too many wait, the newest one of the network that has the most is displaced: a
// flood from one network displaces itself, and nobody else. A running hash is never displaced.
type bound struct {
	mutex   sync.Mutex
	most    int // running
	room    int // waiting
	running map[string]int
	total   int       // of running
	queue   []*waiter // in the order of their turns
	served  int       // the highest turn that a waiter had
}

// waiter is a hash that waits for a slot.
type waiter struct {
	Caller
	turn int
	told chan error // nil: it has a slot; ErrBusy: it was displaced
}

func newBound(running, waiting int) *bound {
	return &bound{most: running, room: waiting, running: map[string]int{}}
}

// run waits for a slot and calls work. It returns ErrBusy or the context's error without calling work.
func (b *bound) run(ctx context.Context, caller Caller, work func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	waiting := b.enter(caller)
	select {
	case err := <-waiting.told:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		b.leave(waiting)
		return ctx.Err()
	}
	defer b.finish(caller.Network)
	onOwnThread(work)
	return nil
}

// enter takes a slot or joins the queue.
func (b *bound) enter(caller Caller) *waiter {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	w := &waiter{Caller: caller, told: make(chan error, 1)}
	if b.total < b.most {
		b.start(w)
		return w
	}
	w.turn = b.served + 1 + b.running[w.Network] + b.waitingOf(w.Network)
	at := slices.IndexFunc(b.queue, w.before)
	if at < 0 {
		at = len(b.queue)
	}
	b.queue = slices.Insert(b.queue, at, w)
	if len(b.queue) > b.room {
		b.displace()
	}
	return w
}

// before reports whether a waiter has its turn before another that came earlier.
func (w *waiter) before(other *waiter) bool {
	if w.Known != other.Known {
		return w.Known
	}
	return w.turn < other.turn
}

func (b *bound) waitingOf(network string) (count int) {
	for _, w := range b.queue {
		if w.Network == network {
			count++
		}
	}
	return count
}

func (b *bound) start(w *waiter) {
	b.total++
	b.running[w.Network]++
	w.told <- nil
}

// displace removes the last of the largest network from the queue: of those that are not known, if there are any. Of
// several largest ones it is the one whose turn is last.
func (b *bound) displace() {
	last, most := -1, 0
	for n, w := range slices.Backward(b.queue) {
		if count := b.waitingOf(w.Network); last < 0 || b.queue[last].Known == w.Known && count > most {
			last, most = n, count
		}
	}
	w := b.queue[last]
	b.queue = slices.Delete(b.queue, last, last+1)
	w.told <- ErrBusy
}

// leave gives up a place in the queue, or the slot that the waiter got at the same moment.
func (b *bound) leave(w *waiter) {
	b.mutex.Lock()
	at := slices.Index(b.queue, w)
	if at >= 0 {
		b.queue = slices.Delete(b.queue, at, at+1)
	}
	b.mutex.Unlock()
	if at < 0 && <-w.told == nil {
		b.finish(w.Network)
	}
}

// finish returns a slot, and gives it to the next waiter.
func (b *bound) finish(network string) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.total--
	if b.running[network]--; b.running[network] == 0 {
		delete(b.running, network)
	}
	if len(b.queue) > 0 {
		next := b.queue[0]
		b.queue = slices.Delete(b.queue, 0, 1)
		b.served = max(b.served, next.turn)
		b.start(next)
	}
}
