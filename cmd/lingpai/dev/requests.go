package dev

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lingpai/lingpai/cmd/lingpai/dev/devpages"
)

const (
	maxRequests = 50  // that are kept
	maxPath     = 200 // bytes of a path that are shown
)

// requestLog logs each request in a line of text, and keeps the last ones. It knows no query, no header and nothing
// else of a body than what a [devpages.Request] has, since those hold secrets, codes and tokens.
type requestLog struct {
	next   http.Handler
	now    func() time.Time
	silent atomic.Bool // while the provider is tried out

	mutex  sync.Mutex
	w      io.Writer
	colors palette
	last   []devpages.Request // the oldest first
}

// newRequestLog returns a log that is silent until start is called.
func newRequestLog(next http.Handler) *requestLog {
	l := &requestLog{next: next, now: time.Now}
	l.silent.Store(true)
	return l
}

// start starts the log, with lines in w.
func (l *requestLog) start(w io.Writer, colors palette) {
	l.w, l.colors = w, colors
	l.silent.Store(false)
}

// ServeHTTP implements http.Handler.
func (l *requestLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if l.silent.Load() {
		l.next.ServeHTTP(w, r)
		return
	}
	// What a request is, before a handler changes it.
	request := devpages.Request{At: l.now(), Method: r.Method, Path: shortened(r.URL.EscapedPath()),
		Client: clientOf(r)}
	seen, form := &answerReader{ResponseWriter: w}, &formReader{ReadCloser: r.Body}
	if r.Body != nil && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		r = r.WithContext(r.Context()) // a copy, since a handler must not change the request
		r.Body = form
	}
	unsent := http.StatusInternalServerError // unless the handler returns
	defer func() {
		request.Status, request.Milliseconds = cmp.Or(seen.status, unsent), l.now().Sub(request.At).Milliseconds()
		request.Grant, request.Error = form.grant(), seen.code()
		request.Client = cmp.Or(form.value("client_id"), request.Client)
		l.log(request)
	}()
	l.next.ServeHTTP(seen, r)
	unsent = http.StatusOK
}

func (l *requestLog) log(request devpages.Request) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.last = append(l.last[max(0, len(l.last)+1-maxRequests):], request)
	grant := ""
	if request.Grant != "" {
		grant = " " + l.colors.dim(request.Grant)
	}
	// a log that cannot be written stops no request
	_, _ = fmt.Fprintf(l.w, "%s %s %s%s %s %d ms\n", l.colors.dim(request.At.Format(time.TimeOnly)), request.Method,
		request.Path, grant, l.colors.status(request.Status), request.Milliseconds)
}

// newest returns the last requests, the newest first.
func (l *requestLog) newest() []devpages.Request {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	last := slices.Clone(l.last)
	slices.Reverse(last)
	return last
}

func shortened(path string) string {
	if len(path) > maxPath {
		return path[:maxPath] + "…"
	}
	return path
}
