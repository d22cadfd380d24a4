package main

import (
	"log/slog"

	"github.com/skipup/keys/cmd/skipup/telemetry"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
	"github.com/skipup/keys/web/webhook"
)

// webhookWorker returns a worker that sends webhooks. It outlives open requests, so that it can still
// send their events.
func webhookWorker(s settings, store *models.Store, metrics *web.Metrics, exports *telemetry.Telemetry, log *slog.Logger) worker {
	if s.WebhookAllowPrivate {
		log.Warn("webhooks may be sent to private networks; use this for development only")
	}
	options := webhook.Options{Log: log, AllowPrivate: bool(s.WebhookAllowPrivate), Tracer: exports.Tracer()}
	if s.MetricsAddr != "" || exports.ExportsMetrics() {
		metrics.WatchWebhooks(store)
		options.Attempted = metrics.WebhookAttempted
	}
	return webhook.New(store, options).Run
}
