package web

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/skipup/keys/web/keyauth"
)

// Metrics are what the program tells Prometheus of itself.
type Metrics struct {
	registry      *prometheus.Registry
	verifications *prometheus.HistogramVec
	flushTallies  prometheus.Histogram
	flushSeconds  prometheus.Histogram
	flushFailures prometheus.Counter
	lost          prometheus.Counter
	afterDeletion prometheus.Counter
	deletionWait  prometheus.Histogram
	webhooks      webhookMetrics
}

// NewMetrics are metrics without anything in them yet.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		verifications: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "skipup_key_verification_seconds", Help: "Time that verifying the key of a request took, by where the answer came from and what it was.",
			Buckets: []float64{1e-7, 2e-7, 5e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1},
		}, []string{"source", "result"}),
		flushTallies: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "skipup_usage_flush_tallies", Help: "Tallies in a batch of usage: of one key, caller, route and kind of answer each.", Buckets: prometheus.ExponentialBuckets(1, 4, 10),
		}),
		flushSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "skipup_usage_flush_seconds", Help: "Time that storing a batch of usage took.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}),
		flushFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "skipup_usage_flush_failures_total", Help: "Batches of usage that could not be stored at the first attempt or again.",
		}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "skipup_usage_lost_requests_total", Help: "Requests that were not counted for want of room.",
		}),
		afterDeletion: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "skipup_accepted_after_deletion_total", Help: "Keys seen in use after their deletion was in force. Anything but 0 is a bug, or clocks that disagree.",
		}),
		deletionWait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "skipup_key_change_wait_seconds", Help: "Time from the commit of a change of what a key may do until it is in force on every node.",
			Buckets: []float64{0.1, 0.2, 0.5, 0.6, 1, 2, 5, 11},
		}),
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.verifications, m.flushTallies, m.flushSeconds, m.flushFailures, m.lost, m.afterDeletion, m.deletionWait)
	return m
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Watch has the metrics tell of a verifier and a recorder. Call it once.
func (m *Metrics) Watch(verifier *keyauth.Verifier, recorder *keyauth.Recorder) {
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("skipup_key_cache_keys", "Keys in the cache.", func() float64 { return float64(verifier.State().CachedKeys) })
	gauge("skipup_key_epoch", "Epoch of changes of keys that this node has applied; -1 before its first poll.", func() float64 { return float64(verifier.State().Epoch) })
	gauge("skipup_lease_left_seconds", "How long this node may still answer from memory; 0 or less if it may not.", func() float64 { return verifier.State().LeaseLeft.Seconds() })
	gauge("skipup_usage_unstored_seconds", "Age of the oldest count that is not stored.", func() float64 { return recorder.Age().Seconds() })
}

// Verified notes one verification.
func (m *Metrics) Verified(source keyauth.Source, result keyauth.Result, took time.Duration) {
	m.verifications.WithLabelValues(string(source), string(result)).Observe(took.Seconds())
}

// Flushed notes one flush of usage.
func (m *Metrics) Flushed(flush keyauth.Flush) {
	m.flushTallies.Observe(float64(flush.Tallies))
	m.flushSeconds.Observe(flush.Took.Seconds())
	m.lost.Add(float64(flush.Lost))
	if flush.Err != nil {
		m.flushFailures.Inc()
	}
}

// Waited notes how long a change of keys took to be in force; models.Options takes it.
func (m *Metrics) Waited(took time.Duration) { m.deletionWait.Observe(took.Seconds()) }

// AcceptedAfterDeletion notes keys that were used after their deletion; models.Options takes it.
func (m *Metrics) AcceptedAfterDeletion(keyIDs []string) { m.afterDeletion.Add(float64(len(keyIDs))) }
