package dev

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lingpai/lingpai/oauth"
)

const (
	maxForm = 64 << 10 // bytes of a request's body in which the grant type is looked for
	maxPath = 200      // bytes of a path that are shown
)

// requestLog logs each request in a line of text: time, method, path, grant type if any, status and milliseconds. It
// logs no query, no header and nothing else of a body, since those hold secrets, codes and tokens.
type requestLog struct {
	next   http.Handler
	colors palette
	now    func() time.Time
	silent atomic.Bool // while the provider is tried out

	mutex sync.Mutex
	w     io.Writer
}

// newRequestLog returns a log that is silent until start is called.
func newRequestLog(next http.Handler, w io.Writer, colors palette) *requestLog {
	l := &requestLog{next: next, w: w, colors: colors, now: time.Now}
	l.silent.Store(true)
	return l
}

func (l *requestLog) start() { l.silent.Store(false) }

// ServeHTTP implements http.Handler.
func (l *requestLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if l.silent.Load() {
		l.next.ServeHTTP(w, r)
		return
	}
	method, path := r.Method, r.URL.EscapedPath() // before a handler changes them
	began, seen, form := l.now(), &statusWriter{ResponseWriter: w}, &formReader{ReadCloser: r.Body}
	if r.Body != nil && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		r = r.WithContext(r.Context()) // a copy, since a handler must not change the request
		r.Body = form
	}
	unsent := http.StatusInternalServerError // unless the handler returns
	defer func() { l.log(began, method, path, form.grant(), cmp.Or(seen.status, unsent)) }()
	l.next.ServeHTTP(seen, r)
	unsent = http.StatusOK
}

func (l *requestLog) log(began time.Time, method, path, grant string, status int) {
	if len(path) > maxPath {
		path = path[:maxPath] + "…"
	}
	if grant != "" {
		grant = " " + l.colors.dim(grant)
	}
	line := fmt.Sprintf("%s %s %s%s %s %d ms\n", l.colors.dim(began.Format(time.TimeOnly)), method, path, grant,
		l.colors.status(status), l.now().Sub(began).Milliseconds())
	l.mutex.Lock()
	defer l.mutex.Unlock()
	_, _ = io.WriteString(l.w, line) // a log that cannot be written stops no request
}

// statusWriter remembers the status of a response.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK { // a 1xx response is not the final one
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// formReader remembers the beginning of a form that is read through it.
type formReader struct {
	io.ReadCloser
	read bytes.Buffer
}

// Read implements io.Reader.
func (r *formReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.read.Write(p[:min(n, maxForm-r.read.Len())])
	return n, err
}

// grant returns the grant type of the form, or "" if it has none. It returns known grant types only: a caller may have
// put a secret into the wrong field.
func (r *formReader) grant() string {
	form, _ := url.ParseQuery(r.read.String()) // what it could parse, even after an error
	grant := form.Get("grant_type")
	if grant == "" || slices.Contains(append(oauth.GrantTypes(), oauth.GrantWechatCodeURN), grant) {
		return grant
	}
	return "(unknown grant)"
}
