package bounds

import (
	"context"
	"log/slog"
	"net/netip"
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
	lines  *Sampler
}

// NewReport returns a Report.
func NewReport(meter Meter, logger *slog.Logger, now func() time.Time) *Report {
	return &Report{meter: meter, logger: logger, now: now, lines: NewSampler(reportEvery)}
}

// shed counts one connection or body of a network, which may be unknown.
func (r *Report) shed(resource, message string, network netip.Prefix) {
	r.meter.Shed(resource)
	if omitted, through := r.lines.Next(resource, r.now()); through {
		r.logger.LogAttrs(context.Background(), slog.LevelWarn, message, slog.Int("times", omitted+1),
			slog.String("last_network", network.String()))
	}
}
