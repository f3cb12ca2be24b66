package provider

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxAge is how long the metadata and the key set may be cached.
const maxAge = 5 * time.Minute

// Header values that never change are shared slices: setting them allocates nothing.
var (
	jsonType    = []string{"application/json"}
	textType    = []string{"text/plain; charset=utf-8"}
	noStore     = []string{"no-store"}
	noCache     = []string{"no-cache"}
	closing     = []string{"close"} // as values of Connection
	publicCache = []string{cachedFor(maxAge)}
)

func cachedFor(age time.Duration) string {
	return "public, max-age=" + strconv.Itoa(int(age.Seconds()))
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // an error means that the caller is gone
}

// response remembers whether an answer has begun.
type response struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	w.begun = w.begun || status >= http.StatusOK // 1xx is not the answer
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *response) Write(text []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(text)
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// FlushError is for http.ResponseController.
func (w *response) FlushError() error {
	w.begun = true
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// content is a cacheable response.
type content struct {
	body        []byte
	etag        string
	contentType []string // as values of Content-Type
	cache       []string // as values of Cache-Control
	encoding    []string // as values of Content-Encoding; nil: none
}

// serve writes the content, or 304 if the caller already has it.
func (c content) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header["Cache-Control"] = c.cache
	header["Etag"] = []string{c.etag}
	if matches(r.Header.Get("If-None-Match"), c.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header["Content-Type"] = c.contentType
	if c.encoding != nil {
		header["Content-Encoding"] = c.encoding
	}
	header["Content-Length"] = []string{strconv.Itoa(len(c.body))}
	if r.Method == http.MethodGet {
		_, _ = w.Write(c.body)
	}
}

// matches reports whether an If-None-Match contains an ETag. The comparison is weak (RFC 9110 §13.1.2), since a proxy
// that compresses makes ETags weak.
func matches(ifNoneMatch, etag string) bool {
	etag = strings.TrimPrefix(etag, "W/")
	for candidate := range strings.SplitSeq(ifNoneMatch, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == etag {
			return true
		}
	}
	return false
}
