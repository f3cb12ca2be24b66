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
	// quickPerProcessor is how many requests may be worked on at once for each processor. A token takes about
	// a millisecond of it, so the last of them waits for half a second; more would only wait longer, and be
	// given up by their clients when they are through.
	quickPerProcessor = 512
	// waitingPerQuick is how many more may wait for others: for WeChat, or for their turn to have a password
	// hashed. They need memory and nothing else.
	waitingPerQuick = 4
)

// errBusy asks to come again, before anything has been done.
var errBusy = &oauth.Error{
	Code:        oauth.TemporarilyUnavailable,
	Description: "The server has as many requests as it can answer in time. Try again shortly.",
	RetryAfter:  time.Second,
}

// inFlight bounds the requests that are worked on at once. Those that wait for others have a bound of their
// own, so that WeChat being slow, or a flood of passwords, leaves room for the rest.
type inFlight struct {
	quick, waiting chan struct{}
	answers        answers
}

// newInFlight bounds quick requests; 0: by the number of processors.
func newInFlight(quick int, answers answers) *inFlight {
	quick = cmp.Or(quick, quickPerProcessor*runtime.GOMAXPROCS(0))
	return &inFlight{make(chan struct{}, quick), make(chan struct{}, waitingPerQuick*quick), answers}
}

// enter takes a place, which leave gives back; errBusy if there is none.
func enter(places chan struct{}) (leave func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	default:
		return nil, errBusy
	}
}

// of returns the places for a grant.
func (f *inFlight) of(grant string) chan struct{} {
	if grant == oauth.GrantRefreshToken || grant == oauth.GrantClientCredentials {
		return f.quick
	}
	return f.waiting
}

// bounded answers 503 at once if there is no place for a request. Its body comes first: whoever sends one
// byte by byte, as anybody can, holds no place.
func (f *inFlight) bounded(places chan struct{}, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead { // of those nobody reads a body
			body, err := readBody(w, r)
			if err != nil {
				f.answers.writeError(w, r, err)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		leave, err := enter(places)
		if err != nil {
			f.answers.writeError(w, r, err)
			return
		}
		defer leave()
		next.ServeHTTP(w, r)
	})
}
