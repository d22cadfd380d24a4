package web

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

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
	keyChangeWait prometheus.Histogram
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
			Name: "skipup_usage_flush_tallies", Help: "Rows of counts added to usage in one transaction.", Buckets: prometheus.ExponentialBuckets(1, 4, 10),
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
			Name: "skipup_accepted_after_deletion_total", Help: "API keys used after their deletion took effect on all nodes. Any value but 0 indicates a bug or clocks that differ.",
		}),
		keyChangeWait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "skipup_key_change_wait_seconds", Help: "Time from the commit of a change to an API key until it is in effect on all nodes.",
			Buckets: []float64{0.1, 0.2, 0.5, 0.6, 1, 2, 5, 11},
		}),
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.verifications, m.flushRows, m.flushSeconds, m.flushFailures, m.lost, m.afterDeletion, m.keyChangeWait)
	return m
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Watch adds the metrics of a verifier and a recorder. Call it once.
func (m *Metrics) Watch(verifier *keyauth.Verifier, recorder *keyauth.Recorder) {
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("skipup_key_cache_keys", "API keys in the cache.", func() float64 { return float64(verifier.State().CachedKeys) })
	gauge("skipup_key_epoch", "Epoch of changes to API keys that this node has applied; -1 before its first poll.", func() float64 { return float64(verifier.State().Epoch) })
	gauge("skipup_lease_left_seconds", "Time until the lease of this node ends; 0 or less if it has ended.", func() float64 { return verifier.State().LeaseLeft.Seconds() })
	gauge("skipup_usage_unstored_seconds", "Age of the oldest usage count that is not stored.", func() float64 { return recorder.Age().Seconds() })
}

// Verified records a verification.
func (m *Metrics) Verified(source keyauth.Source, result keyauth.Result, took time.Duration) {
	m.verifications.WithLabelValues(string(source), string(result)).Observe(took.Seconds())
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

// KeyChanged records how long a change to a key took until it was in effect on all nodes.
func (m *Metrics) KeyChanged(took time.Duration) { m.keyChangeWait.Observe(took.Seconds()) }

// AcceptedAfterDeletion records keys that were used after their deletion.
func (m *Metrics) AcceptedAfterDeletion(keyIDs []string) { m.afterDeletion.Add(float64(len(keyIDs))) }
