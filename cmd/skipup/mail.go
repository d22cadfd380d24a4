package main

import (
	"context"
	"log/slog"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
	"github.com/skipup/keys/web/mail"
)

// mailWorker returns a worker that sends email if there is an SMTP server.
func mailWorker(s settings, store *models.Store, publicURL string, metrics *web.Metrics, log *slog.Logger) worker {
	if s.SMTP.Server == nil {
		return func(context.Context) {}
	}
	sender := mail.NewSender(*s.SMTP.Server, *s.MailFrom.From, store.Now)
	return mail.Worker{Store: store, Sender: sender, PublicURL: publicURL, Log: log, Attempted: metrics.EmailAttempted}.Run
}
