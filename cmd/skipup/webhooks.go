package main

import (
	"context"
	"log/slog"
	"strings"
	"sync"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
	"github.com/skipup/keys/web/webhook"
)

func allowsPrivateWebhooks(s settings) bool { return s.WebhookAllowPrivate == "true" }

// checkPrivateWebhooks refuses what is for development on a server that is not: its users could
// reach whatever the server can.
func checkPrivateWebhooks(s settings) error {
	if !allowsPrivateWebhooks(s) || !strings.HasPrefix(s.PublicURL, "https:") {
		return nil
	}
	return usageErrors{webhookAllowPrivateOption.name() + ": is for development, and this server has a public address with https; take it away"}
}

// startWebhooks has a worker send webhooks until stop is called. That outlives ctx: what open
// requests still change is sent, or left in the queue.
func startWebhooks(ctx context.Context, s settings, store *models.Store, metrics *web.Metrics, log *slog.Logger) (stop func()) {
	if allowsPrivateWebhooks(s) {
		log.Warn("webhooks are sent to any address, also of private networks: that is for development only")
	}
	options := webhook.Options{Log: log, AllowPrivate: allowsPrivateWebhooks(s)}
	if s.MetricsAddr != "" {
		metrics.WatchWebhooks(store)
		options.Attempted = metrics.WebhookAttempted
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	work.Go(func() { webhook.New(store, options).Run(running) })
	return func() {
		cancel()
		work.Wait()
	}
}
