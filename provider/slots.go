package provider

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"runtime"
	"time"

	"github.com/lingpai/lingpai/oauth"
)

const (
	// quickPerProcessor is how many requests may be worked on at once for each processor. A token takes about a
	// millisecond of it, so the last of them waits for half a second; more would only wait longer, and be given
	// up by their clients when they are through.
	quickPerProcessor = 512
	// waitingPerQuick is how many more may wait for others: for WeChat, or for their turn to have a password
	// hashed. They need memory and nothing else.
	waitingPerQuick = 4
)

// errBusy asks to come again, before anything has been done.
var errBusy = oauth.Unavailable("The server has as many requests as it can answer in time. Try again shortly.",
	time.Second, nil)

// slotKind says which bound a request counts against.
type slotKind int

const (
	slotNone    slotKind = iota // costs next to nothing, or the endpoint acquires one itself
	slotQuick                   // needs a processor and the database
	slotWaiting                 // waits for WeChat, or for a password's hash
)

// slots bound the requests that are worked on at once. Those that wait for others have a bound of their own, so that
// WeChat being slow, or a flood of passwords, leaves room for the rest.
type slots struct {
	quick, waiting chan struct{}
	answers        answers
}

// newSlots bounds quick requests; 0: by the number of processors.
func newSlots(quick int, answers answers) *slots {
	quick = cmp.Or(quick, quickPerProcessor*runtime.GOMAXPROCS(0))
	return &slots{make(chan struct{}, quick), make(chan struct{}, waitingPerQuick*quick), answers}
}

// acquire takes a slot, which release gives back; errBusy if there is none.
func (s *slots) acquire(kind slotKind) (release func(), err error) {
	pool := s.quick
	if kind == slotWaiting {
		pool = s.waiting
	}
	select {
	case pool <- struct{}{}:
		return func() { <-pool }, nil
	default:
		return nil, errBusy
	}
}

// slotOf returns the kind of slot for a grant.
func slotOf(grantType string) slotKind {
	if grantType == oauth.GrantRefreshToken || grantType == oauth.GrantClientCredentials {
		return slotQuick
	}
	return slotWaiting
}

// bounded answers 503 at once if there is no slot for a request. Its body comes first: who sends one byte by byte, as
// anybody can, holds no slot.
func (s *slots) bounded(kind slotKind, next http.Handler) http.Handler {
	if kind == slotNone {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead { // of those nobody reads a body
			body, err := readBody(w, r)
			if err != nil {
				s.answers.writeError(w, r, err)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		release, err := s.acquire(kind)
		if err != nil {
			s.answers.writeError(w, r, err)
			return
		}
		defer release()
		next.ServeHTTP(w, r)
	})
}
