package idempotency

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

const (
	// wait is how long a duplicate request waits for the first one; poll is how often it looks.
	wait = 3 * time.Second
	poll = 50 * time.Millisecond

	purpose = "repeated request"
	lock    = "lock" // what is in the store while a request is processed
)

// A Sealer encrypts values for the store, with a separate key for each identity.
type Sealer interface {
	SealPerIdentity(purpose, identity string, plaintext []byte) ([]byte, error)
	OpenPerIdentity(purpose, identity string, sealed []byte) ([]byte, error)
}

// Requests makes Request values. It is safe for concurrent use.
type Requests struct {
	store  identity.Volatile
	sealer Sealer
	logger *slog.Logger
}

// New returns a Requests.
func New(store identity.Volatile, sealer Sealer, logger *slog.Logger) *Requests {
	return &Requests{store, sealer, logger}
}

// Request is a repeatable request. A nil one is a request without a key: nothing is kept for it.
type Request struct {
	*Requests
	name string
}

// Request returns the request with an Idempotency-Key, or nil without one. Requests are the same only if the key, the
// kind and all parts are equal.
func (r *Requests) Request(key, kind string, parts ...string) *Request {
	if key == "" {
		return nil
	}
	return &Request{r, identity.VolatileKey(kind, append(parts, key)...)}
}

// Name returns the name of the request in the volatile store, which reveals neither its parts nor its key.
func (r *Request) Name() string { return r.name }

// Once answers a request that may be a duplicate, on any replica. look returns the answer of an earlier request and
// whether there is one; do answers the request, within limit. Of concurrent duplicates one calls do, and the others
// wait for its answer; if it fails, another takes its place. Once returns oauth.TemporarilyUnavailable if a duplicate
// has to wait too long. Without the store it calls do without waiting.
func Once[T any](ctx context.Context, r *Request, limit time.Duration,
	look func() (answer T, found bool, err error), do func() (T, error)) (answer T, err error) {
	if r == nil {
		return do()
	}
	deadline := time.After(wait)
	for {
		expires := time.Now().Add(limit) // no later than the lock does
		acquired, failed := r.store.PutIfAbsent(ctx, r.part(lock), []byte{1}, limit)
		if acquired {
			defer func() { r.release(ctx, expires) }()
		}
		// Look after locking: a request that released the lock has stored its answer.
		answer, found, err := look()
		switch {
		case found || err != nil:
			return answer, err
		case acquired:
			return do()
		case failed != nil: // without the lock a duplicate may come too early and is asked to sign in again
			r.logger.WarnContext(ctx, "cannot lock a repeatable request", "error", failed)
			return do()
		}
		select {
		case <-deadline:
			return answer, oauth.Unavailable(
				"The first request with this Idempotency-Key is still in progress. Try again.", time.Second, nil)
		case <-time.After(poll):
		}
	}
}

// release deletes the lock, unless it has expired by itself and may be another request's.
func (r *Request) release(ctx context.Context, expires time.Time) {
	if time.Now().Before(expires) {
		r.Forget(ctx, lock)
	}
}

// part returns a key in the store.
func (r *Request) part(what string) string { return r.name + "/" + what }

// Keep stores a value for repeated requests, sealed and bound to the request. It does so even if the context has ended,
// since a request that ran out of time is repeated. A failure is logged: then a repeated request is processed like a
// new one.
func (r *Request) Keep(ctx context.Context, what string, value any, ttl time.Duration) {
	if r == nil {
		return
	}
	plain, err := json.Marshal(value)
	var sealed []byte
	if err == nil {
		sealed, err = r.sealer.SealPerIdentity(purpose, r.part(what), plain)
	}
	if err == nil {
		err = r.store.Put(context.WithoutCancel(ctx), r.part(what), sealed, ttl)
	}
	if err != nil {
		r.logger.WarnContext(ctx, "cannot keep the answer for a repeated request", "error", err)
	}
}

// Recall reads what Keep stored into value, and reports whether there was something.
func (r *Request) Recall(ctx context.Context, what string, value any) bool {
	if r == nil {
		return false
	}
	sealed, err := r.store.Get(ctx, r.part(what))
	if errors.Is(err, identity.ErrNotFound) {
		return false
	}
	var plain []byte
	if err == nil {
		plain, err = r.sealer.OpenPerIdentity(purpose, r.part(what), sealed)
	}
	if err == nil {
		err = json.Unmarshal(plain, value)
	}
	if err != nil {
		r.logger.WarnContext(ctx, "cannot recall the answer to a repeated request", "error", err)
	}
	return err == nil
}

// Forget deletes what Keep stored.
func (r *Request) Forget(ctx context.Context, what string) {
	if r == nil {
		return
	}
	_, err := r.store.Take(context.WithoutCancel(ctx), r.part(what))
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		r.logger.WarnContext(ctx, "cannot delete what was kept for a repeated request", "error", err)
	}
}
