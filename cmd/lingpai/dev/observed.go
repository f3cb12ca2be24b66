package dev

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/lingpai/lingpai/oauth"
)

const (
	maxForm   = 64 << 10 // bytes of a request's body in which the grant type and the client are looked for
	maxAnswer = 4 << 10  // bytes of an answer in which the error code is looked for
)

// answerReader remembers the status of a response, and the beginning of an error.
type answerReader struct {
	http.ResponseWriter
	status int
	read   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (w *answerReader) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK { // a 1xx response is not the final one
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *answerReader) Write(p []byte) (int, error) {
	if w.status >= http.StatusBadRequest {
		w.read.Write(p[:min(len(p), maxAnswer-w.read.Len())])
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *answerReader) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// code returns the error code of the answer, or of the answer that a redirect takes to a client. It returns known codes
// only.
func (w *answerReader) code() string {
	var found struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(w.read.Bytes(), &found) != nil {
		if to, err := url.Parse(w.Header().Get("Location")); err == nil {
			found.Error = to.Query().Get("error")
		}
	}
	if slices.ContainsFunc(oauth.Codes(), func(code oauth.Code) bool { return code.Error() == found.Error }) {
		return found.Error
	}
	return ""
}

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

// value returns the value of a field of the form, or "".
func (r *formReader) value(name string) string {
	form, _ := url.ParseQuery(r.read.String()) // what it could parse, even after an error
	return form.Get(name)
}

// grant returns the grant type of the form, or "" if it has none. It returns known grant types only: a caller may have
// put a secret into the wrong field.
func (r *formReader) grant() string {
	grant := r.value("grant_type")
	if grant == "" || slices.Contains(append(oauth.GrantTypes(), oauth.GrantWechatCodeURN), grant) {
		return grant
	}
	return "(unknown grant)"
}

// clientOf returns the client that a request names in its header or its query, or "".
func clientOf(r *http.Request) string {
	if id, _, ok := r.BasicAuth(); ok {
		if decoded, err := url.QueryUnescape(id); err == nil { // RFC 6749 §2.3.1
			return decoded
		}
	}
	return r.URL.Query().Get("client_id")
}
