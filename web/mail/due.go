package mail

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/a-h/templ"

	"github.com/skipup/keys/models"
)

// mailDue calls next, which mails one thing that is due and reports whether there was one, until
// ctx ends: at once while there is more, else every so often. A mail that is on its way then is
// seen through.
func mailDue(ctx context.Context, every time.Duration, log *slog.Logger, next func(context.Context) (bool, error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for ctx.Err() == nil {
		more, err := next(context.WithoutCancel(ctx))
		if err != nil {
			log.Error("mail what is due", "error", err)
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

// drawn is a letter in words and as a page.
type drawn interface {
	Subject() string
	Text() string
	HTML() templ.Component
}

// send draws a letter to a member, sends it and says how that failed, if it did.
func send(ctx context.Context, sender *Sender, log *slog.Logger, member *models.Member, letter drawn) (models.MailFailure, error) {
	var html bytes.Buffer
	if err := letter.HTML().Render(ctx, &html); err != nil {
		return "", fmt.Errorf("draw mail %q: %w", letter.Subject(), err)
	}
	err := sender.Send(ctx, Message{To: member.User.Email, Subject: letter.Subject(), Text: letter.Text(), HTML: html.String()})
	if err == nil {
		return "", nil
	}
	failure := models.MailUnreachable
	if IsRefused(err) {
		failure = models.MailRefused
	}
	log.Warn("a mail was not sent", "kind", fmt.Sprintf("%T", letter), "member", member.ID, "failure", string(failure), "error", err)
	return failure, nil
}
