package provider

import (
	"cmp"
	"context"
	"net/http"
	"runtime"
	"time"

	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/provider/bounds"
)

const (
	// quickPerProcessor limits concurrent quick requests for each processor. A token takes about a millisecond of
	// processor time, so the last request waits for half a second; more would wait until their clients give up.
	quickPerProcessor = 512
	// waitingPerQuick limits the requests that wait, for WeChat or for their turn to hash a password, as a multiple
	// of the quick ones. They need only memory.
	waitingPerQuick = 4
	// quickPerPush limits the pushes of WeChat, as a part of the quick ones.
	quickPerPush = 4
	// pushWait is how long a push waits for a slot. WeChat waits for 5 seconds, and sends it only twice more.
	pushWait = 3 * time.Second
)

// errBusy rejects a request before any work is done.
var errBusy = oauth.Unavailable("The server is overloaded. Try again shortly.", time.Second, nil)

// slotKind is the limit that a request counts against.
type slotKind int

const (
	slotNone    slotKind = iota // costs next to nothing, or the endpoint acquires one itself
	slotQuick                   // needs a processor and the database
	slotWaiting                 // waits for WeChat, or for a password's hash
	slotPush                    // writes what WeChat pushes
)

// slots limits concurrent requests. Requests that wait have a limit of their own, so that a slow WeChat, or a flood of
// passwords, leaves room for the rest. So do pushes, which come at once when many users withdraw permissions.
type slots struct {
	quick, waiting, pushes chan struct{}
	errs                   errorWriter
}

// newSlots returns slots for the given number of concurrent quick requests, and in proportion for requests that wait.
// If quick is 0, it depends on the number of processors.
func newSlots(quick int, errs errorWriter) *slots {
	quick = cmp.Or(quick, quickPerProcessor*runtime.GOMAXPROCS(0))
	return &slots{make(chan struct{}, quick), make(chan struct{}, waitingPerQuick*quick),
		make(chan struct{}, (quick+quickPerPush-1)/quickPerPush), errs}
}

// acquire takes a slot; the caller must call release to return it. It returns errBusy if no slot is free, for a
// push if none becomes free in time.
func (s *slots) acquire(ctx context.Context, kind slotKind) (release func(), err error) {
	pool := s.quick
	switch kind {
	case slotWaiting:
		pool = s.waiting
	case slotPush:
		return s.acquireForPush(ctx)
	}
	select {
	case pool <- struct{}{}:
		return func() { <-pool }, nil
	default:
		return nil, errBusy
	}
}

// acquireForPush waits for a slot for at most pushWait.
func (s *slots) acquireForPush(ctx context.Context) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, pushWait)
	defer cancel()
	select {
	case s.pushes <- struct{}{}:
		return func() { <-s.pushes }, nil
	case <-ctx.Done():
		return nil, errBusy
	}
}

// slotOf returns the kind of slot for a grant.
func slotOf(grantType string) slotKind {
	switch grantType {
	case oauth.GrantRefreshToken, oauth.GrantClientCredentials, oauth.GrantDeviceCode, oauth.GrantTokenExchange:
		return slotQuick
	}
	return slotWaiting
}

// bounded returns a handler that holds a slot while next runs, and answers 503 if none is free.
func (s *slots) bounded(kind slotKind, next http.Handler) http.Handler {
	if kind == slotNone {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		release, err := s.acquire(r.Context(), kind)
		if err != nil {
			s.errs.writeError(w, r, err)
			return
		}
		defer release()
		bounds.Works(r)
		next.ServeHTTP(w, r)
	})
}
