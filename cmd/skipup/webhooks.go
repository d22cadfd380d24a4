package main

import (
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/webhook"
)

// webhookWorker returns a worker that sends webhooks. It outlives open requests, so that it can still
// send their events.
func (srv *server) webhookWorker(store *models.Store) worker {
	if srv.WebhookAllowPrivate {
		srv.log.Warn("webhooks may be sent to private networks; use this for development only")
	}
	options := webhook.Options{Log: srv.log, AllowPrivate: bool(srv.WebhookAllowPrivate), Tracer: srv.exports.Tracer()}
	if srv.recordsMetrics() {
		srv.metrics.WatchWebhooks(store)
		options.Attempted = srv.metrics.WebhookAttempted
	}
	return webhook.New(store, options).Run
}
