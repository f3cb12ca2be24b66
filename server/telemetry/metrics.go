// Package telemetry provides the metrics of the server for Prometheus.
package telemetry

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/access/wechatdata"
	"github.com/lingpai/lingpai/backchannel"
	"github.com/lingpai/lingpai/grants"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/provider/bounds"
)

// scrapeTime limits the database queries of a scrape.
const scrapeTime = 3 * time.Second

// Metrics are the metrics of the server. They are for the operator only, so they are served at an address of their own.
type Metrics struct {
	registry  *prometheus.Registry
	refreshes *prometheus.CounterVec
	phones    *prometheus.CounterVec
	limited   *prometheus.CounterVec
	answers   *prometheus.HistogramVec
	shed      *prometheus.CounterVec
	legacy    *prometheus.CounterVec
	notices   *prometheus.CounterVec
}

var (
	_ access.Meter      = (*Metrics)(nil)
	_ grants.Meter      = (*Metrics)(nil)
	_ wechatdata.Meter  = (*Metrics)(nil)
	_ bounds.Meter      = (*Metrics)(nil)
	_ limits.Meter      = (*Metrics)(nil)
	_ backchannel.Meter = (*Metrics)(nil)
)

// New returns metrics that count requests and reports of the services. At each scrape they read how many phone
// numbers the apps have used, and call backend for the signing backend.
func New(apps identity.Apps, backend func() string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lingpai_refresh_tokens_presented_total",
			Help: "Genuine refresh tokens of active sessions, by verdict: rotate, repeat (a lost " +
				"answer or a concurrent request), refuse, clock (the database's clock was set back), key (it " +
				"belongs to another token), theft, ahead (the database lost commits).",
		}, []string{"verdict"}),
		phones: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lingpai_phone_numbers_asked_total",
			Help: "Requests for phone numbers by code, by outcome.",
		}, []string{"appid", "outcome"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lingpai_limited_total",
			Help: "Requests that a limit refused, by the name of the limit.",
		}, []string{"limit"}),
		answers: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lingpai_http_request_duration_seconds", Help: "Requests by route, status and method.",
			Buckets: prometheus.DefBuckets,
		}, []string{"route", "code", "method"}),
		shed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lingpai_shed_total",
			Help: "Connections and request bodies that were refused or cut off, by the resource that was used up: " +
				"connections, body_bytes (both bounded by server.connections) or open_files.",
		}, []string{"resource"}),
		legacy: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lingpai_legacy_audience_total",
			Help: "Requests to /account/v1 and /wechat with a token that is also, or only, for an API, by client. " +
				"While there are any, old versions of the client's program are in use.",
		}, []string{"client_id"}),
		notices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lingpai_logout_notices_total",
			Help: "Attempts to tell clients that a session has ended, by outcome: delivered, failed (it is tried " +
				"again) or undelivered (given up after a day, or refused by the client).",
		}, []string{"outcome"}),
	}
	for _, resource := range bounds.Resources() {
		m.shed.WithLabelValues(resource) // so that a first one is an increase
	}
	m.registry.MustRegister(m.refreshes, m.phones, m.limited, m.answers, m.shed, m.legacy, m.notices,
		phoneUses{apps}, signingBackend(backend),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Refreshed implements grants.Meter.
func (m *Metrics) Refreshed(verdict string) { m.refreshes.WithLabelValues(verdict).Inc() }

// PhoneRequested implements wechatdata.Meter.
func (m *Metrics) PhoneRequested(appID, outcome string) {
	m.phones.WithLabelValues(appID, outcome).Inc()
}

// LegacyAudienceUsed implements access.Meter.
func (m *Metrics) LegacyAudienceUsed(clientID string) { m.legacy.WithLabelValues(clientID).Inc() }

// NoticeSent implements backchannel.Meter.
func (m *Metrics) NoticeSent(outcome string) { m.notices.WithLabelValues(outcome).Inc() }

// Shed implements bounds.Meter.
func (m *Metrics) Shed(resource string) { m.shed.WithLabelValues(resource).Inc() }

// Watch reports at each scrape how many connections are open, and how many bytes of request bodies are in memory.
func (m *Metrics) Watch(connections, bodyBytes func() int64) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lingpai_connections",
			Help: "Open connections, bounded by server.connections."},
			func() float64 { return float64(connections()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lingpai_body_bytes",
			Help: "Bytes reserved for request bodies, bounded by 8 KiB for each of server.connections."},
			func() float64 { return float64(bodyBytes()) }))
}

// WatchClock reports at each scrape how many seconds this server's clock is ahead of the database's.
func (m *Metrics) WatchClock(offset func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lingpai_clock_offset_seconds",
		Help: "How far this server's clock is ahead of PostgreSQL's, without the time of the answer; " +
			"negative: behind; NaN: unknown."}, offset))
}

// WatchChecks makes the readiness checks at each scrape, and reports which of them pass without a fault.
func (m *Metrics) WatchChecks(checks func(context.Context) map[string]bool) {
	m.registry.MustRegister(readyChecks(checks))
}

// readyChecks reports the results of the readiness checks by name.
type readyChecks func(context.Context) map[string]bool

var checkPasses = prometheus.NewDesc("lingpai_ready",
	"1: nothing is wrong with what the label names; 0: something is, and GET /readyz says what and whether the server "+
		"is ready nevertheless.", []string{"check"}, nil)

// Describe implements prometheus.Collector.
func (readyChecks) Describe(into chan<- *prometheus.Desc) { into <- checkPasses }

// Collect implements prometheus.Collector.
func (c readyChecks) Collect(into chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	for name, passes := range c(ctx) {
		value := 0.0
		if passes {
			value = 1
		}
		into <- prometheus.MustNewConstMetric(checkPasses, prometheus.GaugeValue, value, name)
	}
}

// Limited implements limits.Meter.
func (m *Metrics) Limited(limit string) { m.limited.WithLabelValues(limit).Inc() }

// phoneUses reports at each scrape how much of their budgets the apps have used, over all replicas.
type phoneUses struct{ apps identity.Apps }

var (
	phonesUsed = prometheus.NewDesc("lingpai_phone_numbers_used",
		"Phone numbers that an app has received this month, in Beijing time.", []string{"appid"}, nil)
	phonesBudget = prometheus.NewDesc("lingpai_phone_numbers_budget",
		"Phone numbers that an app may receive in a month; -1: no limit.", []string{"appid"}, nil)
)

// Describe implements prometheus.Collector.
func (phoneUses) Describe(into chan<- *prometheus.Desc) { into <- phonesUsed; into <- phonesBudget }

// Collect implements prometheus.Collector.
func (p phoneUses) Collect(into chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	apps, err := p.apps.List(ctx)
	for _, app := range apps {
		use, failed := p.apps.PhoneUse(ctx, app.Platform, app.ID)
		if errors.Is(failed, identity.ErrNotFound) { // removed in the meantime
			continue
		}
		if err = errors.Join(err, failed); failed != nil || use.Budget == 0 {
			continue
		}
		into <- prometheus.MustNewConstMetric(phonesUsed, prometheus.GaugeValue, float64(use.Used), app.ID)
		into <- prometheus.MustNewConstMetric(phonesBudget, prometheus.GaugeValue, float64(max(use.Budget, -1)), app.ID)
	}
	if err != nil {
		into <- prometheus.NewInvalidMetric(phonesUsed, err)
	}
}

// signingBackend reports the signing backend at each scrape.
type signingBackend func() string

var signsNow = prometheus.NewDesc("lingpai_signing_backend",
	`Always 1. The label is what signs tokens: "go", "openssl" and its version, or "go, since openssl" and its error.`,
	[]string{"backend"}, nil)

// Describe implements prometheus.Collector.
func (signingBackend) Describe(into chan<- *prometheus.Desc) { into <- signsNow }

// Collect implements prometheus.Collector.
func (b signingBackend) Collect(into chan<- prometheus.Metric) {
	into <- prometheus.MustNewConstMetric(signsNow, prometheus.GaugeValue, 1, b())
}

// Observe counts the responses of a route.
func (m *Metrics) Observe(route string, next http.Handler) http.Handler {
	return promhttp.InstrumentHandlerDuration(m.answers.MustCurryWith(prometheus.Labels{"route": route}), next)
}

// Handler returns a handler of GET /metrics.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry,
		promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}
