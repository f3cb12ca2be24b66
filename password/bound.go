package password

import (
	"context"
	"errors"
	"sync"
)

// ErrBusy says that all places for hashing, or those of one address, are taken. Trying again shortly helps.
var ErrBusy = errors.New("too many passwords are being checked")

// bound lets few run and some wait. An address gets no more than its share of both, so that one flood leaves
// places to others.
type bound struct {
	places  chan struct{}
	mutex   sync.Mutex
	inside  int            // running or waiting
	byOwner map[string]int // of these, by address
	most    int
	share   int
}

func newBound(running, waiting, share int) *bound {
	return &bound{places: make(chan struct{}, running), byOwner: map[string]int{}, most: running + waiting,
		share: share}
}

// run does work in its turn. ErrBusy, or the context's error: then nothing was done.
func (b *bound) run(ctx context.Context, address string, work func()) error {
	if !b.enter(address) {
		return ErrBusy
	}
	defer b.leave(address)
	if err := ctx.Err(); err != nil { // select would toss a coin
		return err
	}
	select {
	case b.places <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-b.places }()
	onOwnThread(work)
	return nil
}

func (b *bound) enter(address string) bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.inside >= b.most || b.byOwner[address] >= b.share {
		return false
	}
	b.inside++
	b.byOwner[address]++
	return true
}

func (b *bound) leave(address string) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.inside--
	if b.byOwner[address]--; b.byOwner[address] == 0 {
		delete(b.byOwner, address)
	}
}
