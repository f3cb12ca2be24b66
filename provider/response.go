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
	noStore     = []string{"no-store"}
	noCache     = []string{"no-cache"}
	publicCache = []string{cachedFor(maxAge)}
)

func cachedFor(age time.Duration) string {
	return "public, max-age=" + strconv.Itoa(int(age.Seconds()))
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller is gone; there is nobody to tell
}

// content is a text that a cache may keep.
type content struct {
	body        []byte
	etag        string
	contentType []string // both as header values
	cache       []string
}

// serve answers with the text, or that the caller has it already.
func (c content) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header["Cache-Control"] = c.cache
	header["Etag"] = []string{c.etag}
	if matches(r.Header.Get("If-None-Match"), c.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header["Content-Type"] = c.contentType
	header["Content-Length"] = []string{strconv.Itoa(len(c.body))}
	if r.Method == http.MethodGet {
		_, _ = w.Write(c.body)
	}
}

// matches reports whether an If-None-Match names an ETag. Weak ones count (RFC 9110 §13.1.2): a proxy that
// compresses makes ours weak.
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
