package provider

import (
	"context"
	"net/http"
	"time"
)

// readyTimeout bounds how long all checks may take together.
const readyTimeout = 3 * time.Second

// ReadyCheck is the result of one readiness check. Note is sent to the caller, so it must not contain a secret.
type ReadyCheck struct {
	Name     string `json:"name"`
	OK       bool   `json:"ok"`
	Degraded bool   `json:"degraded,omitempty"` // something is wrong, and the server is ready nevertheless
	Note     string `json:"note,omitempty"`
}

// serveHealth answers 200 as long as the process runs.
func serveHealth(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Cache-Control"] = noStore
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readyEndpoint tells a load balancer whether to send requests to this server.
type readyEndpoint struct {
	check func(context.Context) []ReadyCheck
}

// ServeHTTP implements http.Handler.
func (e *readyEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["Cache-Control"] = noStore
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	checks := e.check(ctx)
	status, text := http.StatusOK, "ok"
	for _, check := range checks {
		if !check.OK {
			status, text = http.StatusServiceUnavailable, "unavailable"
		}
	}
	writeJSON(w, status, map[string]any{"status": text, "checks": checks})
}
