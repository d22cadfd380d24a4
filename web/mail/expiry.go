package mail

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/letter"
	"github.com/skipup/keys/views/path"
)

// expiryEvery is how often a node looks for reminders to mail. Nobody waits for one.
const expiryEvery = 10 * time.Second

// Expiry mails admins which keys expire. Any number of nodes may do so.
type Expiry struct {
	Store     *models.Store
	Sender    *Sender
	PublicURL string // under which the links lead
	Log       *slog.Logger
}

// Run mails what is due until ctx ends. A mail that is on its way then is seen through.
func (e Expiry) Run(ctx context.Context) {
	tick := time.NewTicker(expiryEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		more, err := e.Next(context.WithoutCancel(ctx))
		if err != nil {
			e.Log.Error("mail expiry reminders", "error", err)
		}
		if more && err == nil {
			continue
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// Next mails one admin, and reports whether there was one to mail.
func (e Expiry) Next(ctx context.Context) (bool, error) {
	due, err := e.Store.NextExpiryMail(ctx)
	if err != nil || due == nil {
		return false, err
	}
	message, err := e.letter(ctx, due)
	if err != nil {
		return true, err
	}
	var failure models.MailFailure
	if err := e.Sender.Send(ctx, message); err != nil {
		failure = models.MailUnreachable
		if IsRefused(err) {
			failure = models.MailRefused
		}
		e.Log.Warn("an expiry reminder was not mailed", "member", due.Member.ID, "failure", string(failure), "error", err)
	}
	return true, e.Store.MailedExpiry(ctx, due, failure)
}

func (e Expiry) letter(ctx context.Context, due *models.ExpiryMail) (Message, error) {
	drawn := letter.Expiry{
		Workspace: due.Member.Workspace.Name, Name: due.Member.User.Name,
		Link: e.PublicURL + path.APIKeysReviewed(string(models.FindExpiring)),
	}
	for i := range due.Keys {
		key := &due.Keys[i]
		drawn.Keys = append(drawn.Keys, letter.ExpiringKey{
			Name: key.Name, Prefix: key.KeyPrefix, ExpiresAt: *key.ExpiresAt, LastUsedAt: key.LastUsedAt, Link: e.PublicURL + path.APIKey(key.ID),
		})
	}
	var html bytes.Buffer
	if err := drawn.HTML().Render(ctx, &html); err != nil {
		return Message{}, fmt.Errorf("draw expiry reminder: %w", err)
	}
	return Message{To: due.Member.User.Email, Subject: drawn.Subject(), Text: drawn.Text(), HTML: html.String()}, nil
}
