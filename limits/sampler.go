package limits

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/lingpai/lingpai/identity"
)

const (
	samplePeriod = time.Minute
	perMinute    = 60
)

// sampler writes some of the events that strangers can cause, so that they cannot fill the log and the audit log.
type sampler struct {
	store  identity.Volatile
	events identity.Events
	logger *slog.Logger
	now    func() time.Time

	mutex   sync.Mutex
	since   time.Time           // when the current minute began
	written map[string]struct{} // in the current minute
}

// record logs an event, and records it in the audit log if no other replica has done so within the minute.
func (s *sampler) record(ctx context.Context, key string, event identity.Event) {
	if !s.first(key) {
		return
	}
	s.logger.WarnContext(ctx, "refused", "kind", event.Kind, "detail", event.Detail, "user", event.UserID,
		"client", event.ClientID)
	ctx = context.WithoutCancel(ctx)
	first, err := s.store.PutIfAbsent(ctx, identity.VolatileKey("sampled", key), []byte{1}, samplePeriod)
	if err != nil { // possibly a repetition, and recording all of them could flood the audit log
		s.logger.WarnContext(ctx, "an event may be missing in the audit log", "kind", event.Kind, "error", err)
	}
	if first {
		identity.RecordOrLog(ctx, s.events, s.logger, event)
	}
}

// first reports whether an event with this key has not been written in the current minute, and few others have.
func (s *sampler) first(key string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if now := s.now(); now.Sub(s.since) >= samplePeriod || now.Before(s.since) {
		s.since, s.written = now, map[string]struct{}{}
	}
	if _, written := s.written[key]; written || len(s.written) >= perMinute {
		return false
	}
	s.written[key] = struct{}{}
	return true
}
