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
	since   time.Time                      // when the current minute began
	written map[string]map[string]struct{} // the keys in the current minute, by kind
}

// record logs an event, and records it in the audit log if no other replica has done so within the minute.
func (s *sampler) record(ctx context.Context, key string, event identity.Event) {
	if !s.first(event.Kind, key) {
		return
	}
	s.logger.WarnContext(ctx, "refused", "kind", event.Kind, "detail", event.Detail, "user", event.UserID,
		"client", event.ClientID)
	ctx = context.WithoutCancel(ctx)
	if identity.FirstWithin(ctx, samplePeriod, s.store, s.logger, event.Kind, key) {
		identity.RecordOrLog(ctx, s.events, s.logger, event)
	}
}

// first reports whether an event of this kind with this key has not been written in the current minute, and few others
// of the kind have.
func (s *sampler) first(kind, key string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if now := s.now(); now.Sub(s.since) >= samplePeriod || now.Before(s.since) {
		s.since, s.written = now, map[string]map[string]struct{}{}
	}
	written := s.written[kind]
	if written == nil {
		written = map[string]struct{}{}
		s.written[kind] = written
	}
	if _, found := written[key]; found || len(written) >= perMinute {
		return false
	}
	written[key] = struct{}{}
	return true
}
