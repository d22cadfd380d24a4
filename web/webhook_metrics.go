package web

import (
	"cmp"
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/webhook"
)

// webhookMetrics are what is told of webhooks.
type webhookMetrics struct {
	attempts *prometheus.CounterVec
	delay    *prometheus.HistogramVec
	seconds  prometheus.Histogram
}

func newWebhookMetrics() webhookMetrics {
	return webhookMetrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "skipup_webhook_attempts_total", Help: "Attempts to deliver a webhook, by result: success, or why it failed.",
		}, []string{"result"}),
		delay: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "skipup_webhook_delay_seconds", Help: "Time from when an attempt was due, for a first one the commit, until it began.",
			Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 600},
		}, []string{"attempt"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "skipup_webhook_attempt_seconds", Help: "Time that an attempt took.", Buckets: []float64{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15},
		}),
	}
}

// backlogTimeout bounds what a scrape waits for the database.
const backlogTimeout = 2 * time.Second

// WatchWebhooks has the metrics tell of webhooks. Call it once.
func (m *Metrics) WatchWebhooks(store *models.Store) {
	m.webhooks = newWebhookMetrics()
	m.registry.MustRegister(m.webhooks.attempts, m.webhooks.delay, m.webhooks.seconds, webhookQueue{store})
}

// WebhookAttempted notes one attempt.
func (m *Metrics) WebhookAttempted(a webhook.Attempt) {
	attempt := "retry"
	if a.First {
		attempt = "first"
	}
	m.webhooks.attempts.WithLabelValues(cmp.Or(string(a.Failure), "success")).Inc()
	m.webhooks.delay.WithLabelValues(attempt).Observe(a.Delay.Seconds())
	m.webhooks.seconds.Observe(a.Took.Seconds())
}

// webhookQueue counts the queue whenever somebody asks.
type webhookQueue struct{ store *models.Store }

var queueDeliveries = prometheus.NewDesc("skipup_webhook_queue_deliveries",
	"Deliveries of all nodes that wait for enabled endpoints: due now, or for a later attempt.", []string{"state"}, nil)

// Describe names the metric.
func (webhookQueue) Describe(out chan<- *prometheus.Desc) { out <- queueDeliveries }

// Collect counts. While the database does not answer it tells nothing.
func (q webhookQueue) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), backlogTimeout)
	defer cancel()
	backlog, err := q.store.WebhookBacklog(ctx)
	if err != nil {
		return
	}
	out <- prometheus.MustNewConstMetric(queueDeliveries, prometheus.GaugeValue, float64(backlog.Due), "due")
	out <- prometheus.MustNewConstMetric(queueDeliveries, prometheus.GaugeValue, float64(backlog.Waiting-backlog.Due), "later")
}
