package approval

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"github.com/lingpai/lingpai/identity"
)

const (
	// Lifetime is how long a request can be approved, and its approval be used.
	Lifetime = 10 * time.Minute
	// Interval is how long a device waits between two polls, and by how much longer each time after it did not.
	Interval = 5 * time.Second
	// CrowdedInterval is how long devices wait that ask while more than Crowd requests have been opened within a
	// Lifetime: polls should not take much of a server's time.
	CrowdedInterval = 30 * time.Second
	// Crowd is how many requests of one process are not many.
	Crowd = 500
	// early is how much earlier a poll may arrive: the one before may have been slower.
	early = time.Second
	// MaxStored is the limit on the size of a pending request in the store, with its keys, in bytes.
	MaxStored = 1 << 10
	// maxValue leaves room for the keys.
	maxValue = MaxStored - 256
)

// Errors of requests. A request that has expired, or that there never was, is identity.ErrNotFound.
var (
	ErrTooLarge = errors.New("the request is too large to be kept")
	ErrDecided  = errors.New("the request was already decided")
	ErrTooFast  = errors.New("the device polls too fast")
)

// Requests keeps requests of one kind. It is safe for concurrent use.
type Requests struct {
	kind  string
	store identity.Volatile
	now   func() time.Time
	crowd crowd
}

// New returns the requests of a kind.
func New(kind string, store identity.Volatile, now func() time.Time) *Requests {
	return &Requests{kind: kind, store: store, now: now}
}

func (r *Requests) key(handle string) string { return identity.VolatileKey(r.kind, handle) }

// Open keeps a request under a handle, for a device with a secret, and returns the interval of its polls. It returns
// identity.ErrExists if the handle is in use, and ErrTooLarge if the request is.
func (r *Requests) Open(ctx context.Context, handle string, secret []byte, request Request) (time.Duration, error) {
	sum, interval := sha256.Sum256(secret), Interval
	if r.crowd.count(r.now()) > Crowd {
		interval = CrowdedInterval
	}
	value := encode(stored{Request: request, Secret: sum[:], Expires: r.now().Add(Lifetime).UnixMilli(),
		Interval: int64(interval.Seconds())})
	if len(value) > maxValue {
		return 0, ErrTooLarge
	}
	opened, err := r.store.PutIfAbsent(ctx, r.key(handle), value, Lifetime)
	if err == nil && !opened {
		return 0, identity.ErrExists
	}
	return interval, err
}

// Find returns a request by its handle.
func (r *Requests) Find(ctx context.Context, handle string) (State, error) {
	found, err := r.find(ctx, handle)
	return found.state(), err
}

func (r *Requests) find(ctx context.Context, handle string) (stored, error) {
	var found stored
	value, err := r.store.Get(ctx, r.key(handle))
	if err != nil {
		return stored{}, err
	}
	if json.Unmarshal(value, &found) != nil || !r.now().Before(time.UnixMilli(found.Expires)) {
		return stored{}, identity.ErrNotFound
	}
	return found, nil
}

func (r *Requests) put(ctx context.Context, handle string, request stored) error {
	return r.store.Put(ctx, r.key(handle), encode(request), r.left(request))
}

// left returns how long a request will live.
func (r *Requests) left(request stored) time.Duration {
	return max(time.UnixMilli(request.Expires).Sub(r.now()), time.Millisecond)
}

// Decide decides a pending request: of any number of callers, one does. The others get ErrDecided, but not those who
// repeat that decision.
func (r *Requests) Decide(ctx context.Context, handle string, decision Decision) error {
	request, err := r.find(ctx, handle)
	if err != nil {
		return err
	}
	made, value := encode(request.Decision), encode(decision)
	if request.Decision.Status == Pending {
		key := r.decisionKey(handle, request)
		if _, err := r.store.PutIfAbsent(ctx, key, value, r.left(request)); err != nil {
			return err
		}
		if made, err = r.settle(ctx, handle, request); err != nil {
			return err
		}
	}
	if !bytes.Equal(made, value) {
		return ErrDecided
	}
	return nil
}

// settle gives a pending request the decision that was made about it, and returns that. It may have been made by
// somebody who did not get further.
func (r *Requests) settle(ctx context.Context, handle string, request stored) ([]byte, error) {
	made, err := r.store.Get(ctx, r.decisionKey(handle, request))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(made, &request.Decision); err != nil {
		return nil, err
	}
	return made, r.put(ctx, handle, request)
}

// decisionKey returns the key of the decision about a request, and not about an earlier one with the same handle.
func (r *Requests) decisionKey(handle string, request stored) string {
	return identity.VolatileKey(r.kind+" decision", handle, string(request.Secret))
}

// Poll returns the request of a device. For a pending one it returns ErrTooFast if the device has polled it before its
// interval was over, which makes the interval longer. A request with another secret is identity.ErrNotFound.
func (r *Requests) Poll(ctx context.Context, handle string, secret []byte) (State, error) {
	request, err := r.find(ctx, handle)
	if err != nil {
		return State{}, err
	}
	if !request.isFor(secret) {
		return State{}, identity.ErrNotFound
	}
	if request.Decision.Status != Pending {
		return request.state(), nil
	}
	interval := time.Duration(request.Interval) * time.Second
	wait, _, err := r.store.AllowAll(ctx, r.key(handle), identity.Rate{Uses: 1, Period: interval - early})
	switch {
	case err != nil:
		return State{}, err
	case wait > 0:
		return State{}, r.slow(ctx, handle, request)
	}
	return request.state(), nil
}

// slow makes the interval of a pending request longer, and returns ErrTooFast. A decision that was made meanwhile, and
// overwritten here, is put back.
func (r *Requests) slow(ctx context.Context, handle string, request stored) error {
	request.Interval += int64(Interval.Seconds())
	if err := r.put(ctx, handle, request); err != nil {
		return err
	}
	if _, err := r.settle(ctx, handle, request); err != nil && !errors.Is(err, identity.ErrNotFound) {
		return err
	}
	return ErrTooFast
}
