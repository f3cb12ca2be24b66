package password

import (
	"context"
	"errors"
	"sync"
)

// ErrBusy means that all hashing slots, or those of one address, are in use. Trying again shortly helps.
var ErrBusy = errors.New("too many passwords are being hashed")

// bound limits how many hashes run and how many callers wait, and how much of both one address may use, so that a
// flood from one address leaves slots for others.
type bound struct {
	slots     chan struct{}
	mutex     sync.Mutex
	total     int            // running or waiting
	byAddress map[string]int // of these, by address
	most      int
	share     int
}

func newBound(running, waiting, share int) *bound {
	return &bound{slots: make(chan struct{}, running), byAddress: map[string]int{}, most: running + waiting,
		share: share}
}

// run waits for a slot and calls work. It returns ErrBusy or the context's error without calling work.
func (b *bound) run(ctx context.Context, address string, work func()) error {
	if !b.enter(address) {
		return ErrBusy
	}
	defer b.leave(address)
	if err := ctx.Err(); err != nil { // select would choose at random
		return err
	}
	select {
	case b.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-b.slots }()
	onOwnThread(work)
	return nil
}

func (b *bound) enter(address string) bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.total >= b.most || b.byAddress[address] >= b.share {
		return false
	}
	b.total++
	b.byAddress[address]++
	return true
}

func (b *bound) leave(address string) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.total--
	if b.byAddress[address]--; b.byAddress[address] == 0 {
		delete(b.byAddress, address)
	}
}
