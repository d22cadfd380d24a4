package mail

import (
	"context"
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

// Run mails what is due until ctx ends.
func (e Expiry) Run(ctx context.Context) { mailDue(ctx, expiryEvery, e.Log, e.Next) }

// Next mails one admin, and reports whether there was one to mail.
func (e Expiry) Next(ctx context.Context) (bool, error) {
	due, err := e.Store.NextExpiryMail(ctx)
	if err != nil || due == nil {
		return false, err
	}
	failure, err := send(ctx, e.Sender, e.Log, due.Member, e.letter(due))
	if err != nil {
		return true, err
	}
	return true, e.Store.MailedExpiry(ctx, due, failure)
}

func (e Expiry) letter(due *models.ExpiryMail) letter.Expiry {
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
	return drawn
}
