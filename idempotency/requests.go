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
)

// A Sealer encrypts values for the store, with a separate key for each identity.
type Sealer interface {
	SealPerIdentity(purpose, identity string, plaintext []byte) ([]byte, error)
	OpenPerIdentity(purpose, identity string, sealed []byte) ([]byte, error)
}

// Requests holds what is known of repeatable requests. It is safe for concurrent use.
type Requests struct {
	store  identity.Volatile
	sealer Sealer
	logger *slog.Logger
}

// New returns a Requests.
func New(store identity.Volatile, sealer Sealer, logger *slog.Logger) *Requests {
	return &Requests{store, sealer, logger}
}

// Once answers a request that may be a duplicate, on any replica. look returns the answer of an earlier request and
// whether there is one; do answers the request, within limit. Of concurrent duplicates one calls do, and the others
// wait for its answer; if it fails, another takes its place. Once returns oauth.TemporarilyUnavailable if a duplicate
// has to wait too long. Without the store it calls do without waiting.
func Once[T any](ctx context.Context, r *Requests, name string, limit time.Duration,
	look func() (answer T, found bool, err error), do func() (T, error)) (answer T, err error) {
	lock := name + "/lock"
	deadline := time.After(wait)
	for {
		expires := time.Now().Add(limit) // no later than the lock does
		acquired, failed := r.store.PutIfAbsent(ctx, lock, []byte{1}, limit)
		if acquired {
			defer func() { r.release(ctx, lock, expires) }()
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

// release deletes a lock, unless it has expired by itself and may be another request's.
func (r *Requests) release(ctx context.Context, lock string, expires time.Time) {
	if time.Now().Before(expires) {
		r.Forget(ctx, lock)
	}
}

// Keep stores a value for repeated requests, sealed and bound to the name. It does so even if the context has ended,
// since a request that ran out of time is repeated. A failure is logged: then a repeated request is processed like a
// new one.
func (r *Requests) Keep(ctx context.Context, name string, value any, ttl time.Duration) {
	plain, err := json.Marshal(value)
	var sealed []byte
	if err == nil {
		sealed, err = r.sealer.SealPerIdentity(purpose, name, plain)
	}
	if err == nil {
		err = r.store.Put(context.WithoutCancel(ctx), name, sealed, ttl)
	}
	if err != nil {
		r.logger.WarnContext(ctx, "cannot keep the answer for a repeated request", "error", err)
	}
}

// Recall reads what Keep stored into value, and reports whether there was something.
func (r *Requests) Recall(ctx context.Context, name string, value any) bool {
	sealed, err := r.store.Get(ctx, name)
	if errors.Is(err, identity.ErrNotFound) {
		return false
	}
	var plain []byte
	if err == nil {
		plain, err = r.sealer.OpenPerIdentity(purpose, name, sealed)
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
func (r *Requests) Forget(ctx context.Context, name string) {
	_, err := r.store.Take(context.WithoutCancel(ctx), name)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		r.logger.WarnContext(ctx, "cannot delete what was kept for a repeated request", "error", err)
	}
}
