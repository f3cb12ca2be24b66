package bounds

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// Meter counts what was shed or could not be accepted.
type Meter interface {
	// Shed counts one connection or body, by the resource that was used up: one of Resources.
	Shed(resource string)
}

const (
	resourceConnections = "connections"
	resourceBodyBytes   = "body_bytes"
	resourceOpenFiles   = "open_files"
)

// Resources returns the names of what can be used up.
func Resources() []string { return []string{resourceConnections, resourceBodyBytes, resourceOpenFiles} }

// reportEvery is the time between two log lines about the same resource.
const reportEvery = time.Minute

// Report counts what is shed, and logs at most one line a minute for each resource.
type Report struct {
	meter  Meter
	logger *slog.Logger
	now    func() time.Time
	mutex  sync.Mutex
	lines  map[string]reportLine
}

type reportLine struct {
	logged time.Time
	since  int // how many were shed since
}

// NewReport returns a Report.
func NewReport(meter Meter, logger *slog.Logger, now func() time.Time) *Report {
	return &Report{meter: meter, logger: logger, now: now, lines: map[string]reportLine{}}
}

// shed counts one connection or body of a network, which may be unknown.
func (r *Report) shed(resource, message string, network netip.Prefix) {
	r.meter.Shed(resource)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	line := r.lines[resource]
	line.since++
	if now := r.now(); line.logged.IsZero() || now.Sub(line.logged) >= reportEvery {
		r.logger.LogAttrs(context.Background(), slog.LevelWarn, message, slog.Int("times", line.since),
			slog.String("last_network", network.String()))
		line = reportLine{logged: now}
	}
	r.lines[resource] = line
}
