package web

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/keyauth"
)

// Metrics are the Prometheus metrics of a node.
type Metrics struct {
	registry      *prometheus.Registry
	verifications *prometheus.HistogramVec
	flushRows     prometheus.Histogram
	flushSeconds  prometheus.Histogram
	flushFailures prometheus.Counter
	lost          prometheus.Counter
	afterDeletion prometheus.Counter
	keyChangeWait *prometheus.HistogramVec
	emails        *prometheus.CounterVec
	webhooks      webhookMetrics
}

// NewMetrics returns metrics without observations.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		verifications: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "skipup_key_verification_seconds", Help: "Time to verify the API key of a request, by source and result.",
			Buckets: []float64{1e-7, 2e-7, 5e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1},
		}, []string{"source", "result"}),
		flushRows: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "skipup_usage_flush_rows", Help: "Rows of counts added to usage in one transaction.", Buckets: prometheus.ExponentialBuckets(1, 4, 10),
		}),
		flushSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "skipup_usage_flush_seconds", Help: "Time to store a flush of usage.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}),
		flushFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "skipup_usage_flush_failures_total", Help: "Failed attempts to store usage.",
		}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "skipup_usage_lost_requests_total", Help: "Requests that were not counted because the node stopped before it could store them.",
		}),
		afterDeletion: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "skipup_accepted_after_deletion_total", Help: "API keys that this node accepted after it had applied their deletion. Any value but 0 indicates a bug.",
		}),
		keyChangeWait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "skipup_key_change_wait_seconds", Help: "Time from the commit of a change to an API key until it is in effect on all nodes, by what ended it: acknowledged, when all nodes had confirmed the change, or lease, when the leases of the others had ended.",
			Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 10, 65},
		}, []string{"completed_by"}),
	}
	m.emails = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "skipup_email_attempts_total", Help: "Attempts to send an email, by result: success, unreachable (the SMTP server was unreachable or busy, and the email is sent again later), or rejected (the email is dropped).",
	}, []string{"result"})
	for _, failure := range []models.EmailFailure{"", models.EmailUnreachable, models.EmailRejected} {
		m.emails.WithLabelValues(emailResult(failure)) // so that it is there before the first attempt
	}
	for _, completedBy := range []string{acknowledged, lease} {
		m.keyChangeWait.WithLabelValues(completedBy) // so that it is there before the first change
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.verifications, m.flushRows, m.flushSeconds, m.flushFailures, m.lost, m.afterDeletion, m.keyChangeWait, m.emails)
	return m
}

// SetBuild adds a metric with the version and the commit of the program. Call it once.
func (m *Metrics) SetBuild(version, commit string) {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "skipup_build_info", Help: "Always 1. The labels have the version and the commit of the program.",
		ConstLabels: prometheus.Labels{"version": version, "commit": commit},
	})
	build.Set(1)
	m.registry.MustRegister(build)
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Gatherer returns the metrics for another export.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Watch adds the metrics of a gate. Call it once.
func (m *Metrics) Watch(gate *keyauth.Gate) {
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("skipup_key_cache_keys", "API keys in the cache.", func() float64 { return float64(gate.State().CachedKeys) })
	gauge("skipup_key_epoch", "Epoch of changes to API keys that this node has applied; -1 before its first poll.", func() float64 { return float64(gate.State().Epoch) })
	gauge("skipup_lease_left_seconds", "Time until the lease of this node ends; 0 or less if it has ended.", func() float64 { return gate.State().LeaseLeft.Seconds() })
	gauge("skipup_clock_skew_seconds", "Time by which the clock of this node is ahead of the database's; 0 if the difference is too small to measure.", func() float64 { return gate.State().ClockSkew.Seconds() })
	gauge("skipup_usage_unstored_seconds", "Age of the oldest usage count that is not stored.", func() float64 { return gate.UsageAge().Seconds() })
}

// Verified records a verification.
func (m *Metrics) Verified(origin keyauth.Origin, result keyauth.Result, took time.Duration) {
	m.verifications.WithLabelValues(string(origin), string(result)).Observe(took.Seconds())
}

// Flushed records a flush of usage.
func (m *Metrics) Flushed(flush keyauth.Flush) {
	m.flushRows.Observe(float64(flush.Counts))
	m.flushSeconds.Observe(flush.Took.Seconds())
	m.lost.Add(float64(flush.Lost))
	if flush.Err != nil {
		m.flushFailures.Inc()
	}
}

// What ended the wait of a change to keys.
const (
	acknowledged = "acknowledged"
	lease        = "lease"
)

// KeyChanged records how a change to keys took effect on all nodes.
func (m *Metrics) KeyChanged(effect models.Effect) {
	completedBy := acknowledged
	if effect.AwaitedLease {
		completedBy = lease
	}
	m.keyChangeWait.WithLabelValues(completedBy).Observe(effect.Took.Seconds())
}

// EmailAttempted records an attempt to send an email.
func (m *Metrics) EmailAttempted(failure models.EmailFailure) {
	m.emails.WithLabelValues(emailResult(failure)).Inc()
}

func emailResult(failure models.EmailFailure) string {
	switch failure {
	case "":
		return "success"
	case models.EmailUnreachable:
		return "unreachable"
	}
	return "rejected"
}

// nodeMetrics reads the metrics of all nodes from the database when they are collected.
type nodeMetrics struct {
	store      *models.Store
	nodes, lag *prometheus.Desc
}

// WatchNodes adds the metrics of all nodes. Call it once.
func (m *Metrics) WatchNodes(store *models.Store) {
	m.registry.MustRegister(nodeMetrics{
		store: store,
		nodes: prometheus.NewDesc("skipup_nodes", "Registered nodes, which may verify API keys from memory.", nil, nil),
		lag:   prometheus.NewDesc("skipup_node_lag_changes", "Changes to API keys that the node furthest behind has not confirmed.", nil, nil),
	})
}

// Describe implements prometheus.Collector.
func (n nodeMetrics) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- n.nodes
	descriptions <- n.lag
}

// collectTimeout limits how long a scrape waits for the database. If it doesn't respond, its metrics are omitted.
const collectTimeout = 2 * time.Second

// Collect implements prometheus.Collector.
func (n nodeMetrics) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	nodes, lag, err := n.store.NodeLag(ctx)
	if err != nil {
		return
	}
	metrics <- prometheus.MustNewConstMetric(n.nodes, prometheus.GaugeValue, float64(nodes))
	metrics <- prometheus.MustNewConstMetric(n.lag, prometheus.GaugeValue, float64(lag))
}

// AcceptedAfterDeletion records keys that were used after their deletion.
func (m *Metrics) AcceptedAfterDeletion(keyIDs []string) { m.afterDeletion.Add(float64(len(keyIDs))) }
