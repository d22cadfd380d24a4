package web

import (
	"cmp"
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/webhook"
)

// webhookMetrics are the metrics of webhook deliveries.
type webhookMetrics struct {
	attempts *prometheus.CounterVec
	delay    *prometheus.HistogramVec
	seconds  prometheus.Histogram
}

func newWebhookMetrics() webhookMetrics {
	return webhookMetrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "skipup_webhook_attempts_total", Help: "Attempts to deliver a webhook, by result: success, or the reason for the failure.",
		}, []string{"result"}),
		delay: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "skipup_webhook_delay_seconds", Help: "Time from when an attempt was due until it started. First attempts are due at the commit.",
			Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 600},
		}, []string{"attempt"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "skipup_webhook_attempt_seconds", Help: "Duration of an attempt.", Buckets: []float64{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15},
		}),
	}
}

// WatchWebhooks registers the metrics of webhooks. Call it once.
func (m *Metrics) WatchWebhooks(store *models.Store) {
	m.webhooks = newWebhookMetrics()
	m.webhooks.attempts.WithLabelValues("success") // so that they are there before the first attempt
	m.webhooks.delay.WithLabelValues("first")
	m.registry.MustRegister(m.webhooks.attempts, m.webhooks.delay, m.webhooks.seconds, webhookQueue{store})
}

// WebhookAttempted records one attempt.
func (m *Metrics) WebhookAttempted(a webhook.Attempt) {
	attempt := "retry"
	if a.First {
		attempt = "first"
	}
	m.webhooks.attempts.WithLabelValues(cmp.Or(string(a.Failure), "success")).Inc()
	m.webhooks.delay.WithLabelValues(attempt).Observe(a.Delay.Seconds())
	m.webhooks.seconds.Observe(a.Took.Seconds())
}

// webhookQueue counts the pending deliveries at each scrape.
type webhookQueue struct{ store *models.Store }

var queueDeliveries = prometheus.NewDesc("skipup_webhook_queue_deliveries",
	"Pending deliveries to enabled endpoints on all nodes: due now, or waiting for a later attempt.", []string{"state"}, nil)

// Describe implements prometheus.Collector.
func (webhookQueue) Describe(out chan<- *prometheus.Desc) { out <- queueDeliveries }

// Collect implements prometheus.Collector.
func (q webhookQueue) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	backlog, err := q.store.WebhookBacklog(ctx)
	if err != nil {
		return
	}
	out <- prometheus.MustNewConstMetric(queueDeliveries, prometheus.GaugeValue, float64(backlog.Due), "due")
	out <- prometheus.MustNewConstMetric(queueDeliveries, prometheus.GaugeValue, float64(backlog.Waiting-backlog.Due), "later")
}
