package wechattest

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strconv"
	"time"
)

// The sizes of "endless" bodies, in bytes. The compressed one is much smaller on the wire.
const (
	hugeBody = 64 << 20
	bombBody = 4 << 20
)

// serveFault answers a request with a fault. work handles the request and returns the regular
// answer.
func (s *faultQueue) serveFault(w http.ResponseWriter, r *http.Request, fault Fault, work func() response) {
	var regular response
	if fault.Consume {
		regular = work()
	}
	if fault.Body != "trickle" {
		pause(r.Context(), fault.DelayMS)
	}
	if r.Context().Err() != nil {
		return // the client has left; without Consume, no work was done
	}
	if fault.Drop {
		disconnect(w)
		return
	}
	switch {
	case !fault.needsAnswer():
		regular = response{contentType: contentType(r.URL.Path)}
	case !fault.Consume:
		regular = work()
	}
	fault.writeHeader(w, regular.contentType)
	fault.writeBody(r.Context(), w, s.spoil(fault, regular.body))
}

// spoil returns the body of a faulty answer.
func (s *faultQueue) spoil(fault Fault, body []byte) []byte {
	switch {
	case fault.Text != "":
		return []byte(fault.Text)
	case fault.Errcode != 0:
		return s.failure(fault)
	case fault.Body == "html":
		return []byte("<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>")
	case fault.Body == "truncated":
		return body[:len(body)/2]
	case fault.Body == "empty_openid":
		return []byte(`{"openid":"","session_key":"AAAAAAAAAAAAAAAAAAAAAA=="}`)
	case !fault.needsAnswer():
		return nil
	}
	return body
}

func (s *faultQueue) failure(fault Fault) []byte {
	failed := failWith(fault.Errcode)
	if fault.Errmsg != "" {
		failed.errmsg = fault.Errmsg
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.encode(failed)
}

func (f Fault) writeHeader(w http.ResponseWriter, usualType string) {
	w.Header().Set("Content-Type", usualType)
	if f.Body == "html" {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
	}
	if f.ContentType != "" {
		w.Header().Set("Content-Type", f.ContentType)
	}
	if f.Body == "gzip" {
		w.Header().Set("Content-Encoding", "gzip")
	}
	if f.Redirect != "" {
		w.Header().Set("Location", f.Redirect)
	}
}

func (f Fault) status() int {
	switch {
	case f.Status != 0:
		return f.Status
	case f.Redirect != "":
		return http.StatusFound
	}
	return http.StatusOK
}

func (f Fault) writeBody(ctx context.Context, w http.ResponseWriter, body []byte) {
	if f.Body == "cut" {
		// The server closes a connection after a body shorter than Content-Length.
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		body = body[:len(body)/2]
	}
	w.WriteHeader(f.status())
	switch f.Body {
	case "trickle":
		f.trickle(ctx, w, body)
	case "huge":
		writeHuge(w, body, hugeBody)
	case "gzip":
		compressor, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // a valid level
		writeHuge(compressor, body, bombBody)
		_ = compressor.Close()
	default:
		_, _ = w.Write(body)
	}
}

func (f Fault) trickle(ctx context.Context, w http.ResponseWriter, body []byte) {
	for _, char := range body {
		if pause(ctx, max(f.DelayMS, 1)); ctx.Err() != nil {
			return
		}
		_, _ = w.Write([]byte{char})
		_ = http.NewResponseController(w).Flush()
	}
}

// writeHuge writes the body and then spaces, which JSON allows, up to a size or
// until the reader disconnects.
func writeHuge(w io.Writer, body []byte, size int) {
	spaces := bytes.Repeat([]byte(" "), 32<<10)
	_, err := w.Write(body)
	for written := 0; err == nil && written < size; written += len(spaces) {
		_, err = w.Write(spaces)
	}
}

// pause waits, or returns earlier if the client disconnects.
func pause(ctx context.Context, milliseconds int) {
	timer := time.NewTimer(time.Duration(milliseconds) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// disconnect closes the connection of a request.
func disconnect(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusBadGateway) // there is no connection to close
		return
	}
	_ = connection.Close()
}
