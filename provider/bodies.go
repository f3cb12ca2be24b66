package provider

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/provider/bounds"
)

// The largest bodies of endpoints, in bytes.
const (
	// fieldsBody is for a few identifiers and codes.
	fieldsBody = 4 << 10
	// tokenBody is for a token, which may be as large as one in a header (maxHeaderBytes), or a password and WeChat's
	// data in any encoding.
	tokenBody = 16 << 10
	// dataBody is for any data that WeChat encrypts.
	dataBody = 64 << 10
)

// bodyReader reads request bodies within the bound on memory.
type bodyReader struct {
	bodies *bounds.Bodies
	errs   errorWriter
}

// reading returns a handler that reads a body of at most most bytes before next runs, so that a client that sends it
// byte by byte holds no slot. It answers 413 or 503 otherwise, if possible before it reads. 0: next does not read it.
func (b *bodyReader) reading(most int64, next http.Handler) http.Handler {
	if most == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		caller, _ := netip.ParseAddr(r.RemoteAddr) // see withCaller
		body, err := b.bodies.Read(r, caller, most)
		if err != nil {
			b.refuse(w, r, err, most)
			return
		}
		defer body.Release()
		r.Body = body
		next.ServeHTTP(w, r)
	})
}

// refuse answers a request whose body has not been read completely.
func (b *bodyReader) refuse(w http.ResponseWriter, r *http.Request, err error, most int64) {
	w.Header()["Connection"] = closing
	switch {
	case errors.Is(err, bounds.ErrTooLarge):
		b.errs.writeError(w, r, oauth.NewError(oauth.ContentTooLarge,
			fmt.Sprintf("The body must not be larger than %d KiB.", most>>10)))
	case errors.Is(err, bounds.ErrFull): // has been counted and logged
		b.errs.write(w, r, errBusy)
	default:
		b.errs.writeError(w, r, badRequest("The body could not be read."))
	}
}
