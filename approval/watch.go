package approval

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/lingpai/lingpai/identity"
)

const (
	// lookInterval is the time between two looks at the keys that are waited for.
	lookInterval = time.Second
	// lookAt is at how many keys the store looks in one call.
	lookAt = 500
	// maxWaiting is how many may wait for a key: the tabs of a browser that show the same page.
	maxWaiting = 4
)

// watch waits for keys to be written. It looks at all of them together, so that ten thousand callers who wait cost a
// few calls of the store each second.
type watch struct {
	store   identity.Volatile
	mutex   sync.Mutex
	waiting map[string][]chan struct{} // by key; closed when it is written
	stop    context.CancelFunc         // of the goroutine that looks, which runs while anybody waits
	ended   chan struct{}
	end     func()
}

func newWatch(store identity.Volatile) *watch {
	ended := make(chan struct{})
	return &watch{store: store, waiting: map[string][]chan struct{}{}, ended: ended,
		end: sync.OnceFunc(func() { close(ended) })}
}

// wait returns when a key is written, when the context ends, or after end. It returns ErrCrowded at once if too many
// wait for the key.
func (w *watch) wait(ctx context.Context, key string) error {
	written := w.enter(key)
	if written == nil {
		return ErrCrowded
	}
	defer w.leave(key, written)
	select {
	case <-written:
	case <-w.ended:
	case <-ctx.Done():
	}
	return nil
}

// enter returns nil if too many wait for a key.
func (w *watch) enter(key string) chan struct{} {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if len(w.waiting[key]) >= maxWaiting {
		return nil
	}
	if len(w.waiting) == 0 {
		ctx, stop := context.WithCancel(context.Background())
		w.stop = stop
		go w.look(ctx)
	}
	written := make(chan struct{})
	w.waiting[key] = append(w.waiting[key], written)
	return written
}

func (w *watch) leave(key string, written chan struct{}) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	others := slices.DeleteFunc(w.waiting[key], func(other chan struct{}) bool { return other == written })
	if w.waiting[key] = others; len(others) == 0 {
		delete(w.waiting, key)
	}
	if len(w.waiting) == 0 && w.stop != nil {
		w.stop()
		w.stop = nil
	}
}

// written wakes who waits for a key.
func (w *watch) written(key string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, written := range w.waiting[key] {
		close(written)
	}
	if _, waited := w.waiting[key]; waited {
		w.waiting[key] = nil // they leave by themselves
	}
}

// look wakes who waits for keys that other processes write. If the store fails, they wait on.
func (w *watch) look(ctx context.Context) {
	ticks := time.NewTicker(lookInterval)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		for keys := range slices.Chunk(w.keys(), lookAt) {
			values, err := w.store.GetAll(ctx, keys...)
			for n := range values {
				if err == nil && values[n] != nil {
					w.written(keys[n])
				}
			}
		}
	}
}

func (w *watch) keys() []string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	keys := make([]string, 0, len(w.waiting))
	for key := range w.waiting {
		keys = append(keys, key)
	}
	return keys
}
