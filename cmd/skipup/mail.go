package main

import (
	"context"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/mail"
)

// mailWorker returns a worker that sends email if there is an SMTP server.
func (srv *server) mailWorker(store *models.Store) worker {
	if srv.SMTP.Server == nil {
		return func(context.Context) {}
	}
	sender := mail.NewSender(*srv.SMTP.Server, *srv.MailFrom.From, store.Now)
	return mail.Worker{Store: store, Sender: sender, PublicURL: srv.publicURL, Log: srv.log, Attempted: srv.metrics.EmailAttempted}.Run
}
