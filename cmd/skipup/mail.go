package main

import (
	"context"
	"log/slog"
	"sync"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/mail"
)

// senderOf returns a sender for the configured server, or nil if none is configured.
func senderOf(s settings, store *models.Store) (*mail.Sender, error) {
	if s.SMTP == "" {
		return nil, nil
	}
	server, err := mail.ParseServer(s.SMTP)
	if err != nil {
		return nil, err
	}
	from, err := mail.ParseFrom(s.MailFrom)
	if err != nil {
		return nil, err
	}
	return mail.NewSender(server, from, store.Now), nil
}

// startMailing sends emails, if a mail server is configured, until ctx is done or stop is called.
// Stop waits for the email that is being sent.
func startMailing(ctx context.Context, s settings, store *models.Store, publicURL string, log *slog.Logger) (stop func(), err error) {
	sender, err := senderOf(s, store)
	if err != nil || sender == nil {
		return func() {}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var working sync.WaitGroup
	working.Go(func() {
		mail.Worker{Store: store, Sender: sender, PublicURL: publicURL, Log: log}.Run(ctx)
	})
	return func() { cancel(); working.Wait() }, nil
}
