package mail

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/a-h/templ"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/email"
	"github.com/skipup/keys/views/notifications"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/web/outage"
)

// pollInterval is how often a node looks for emails that are due. People wait for invitations.
const pollInterval = time.Second

// Worker sends the emails that are due. Each email is sent once, whatever the number of nodes.
type Worker struct {
	Store     *models.Store
	Sender    *Sender
	PublicURL string // base of the links
	Log       *slog.Logger
	Attempted func(models.EmailFailure) // called after each attempt to send an email; may be nil
}

// Run sends emails until ctx is done. It finishes the email that it is sending then.
func (w Worker) Run(ctx context.Context) { poll(ctx, pollInterval, w.Log, w.SendNext) }

// SendNext sends the next email that is due and reports whether there was one.
func (w Worker) SendNext(ctx context.Context) (bool, error) {
	email, err := w.Store.ClaimEmail(ctx)
	if err != nil || email == nil {
		return false, err
	}
	failure, err := w.send(ctx, email, w.compose(email))
	if err != nil {
		return true, err
	}
	return true, w.Store.FinishEmail(ctx, email, failure)
}

// content is the content of an email, as text and HTML.
type content interface {
	Subject() string
	Text() string
	HTML() templ.Component
}

func (w Worker) compose(due *models.Email) content {
	if due.Kind != "" {
		return w.composeAccount(due)
	}
	member := due.Member
	if due.Invitation != nil {
		return email.Invitation{
			Workspace: member.Workspace.Name, Name: member.ConfirmedName(), ExpiresAt: due.Invitation.ExpiresAt,
			Account: !due.Invitation.NeedsAccount(), Link: w.PublicURL + path.Invitation(due.Invitation.Token),
		}
	}
	if due.Notifications != nil {
		return w.composeNotifications(due)
	}
	in := path.Workspace(member.WorkspaceID)
	expiry := email.Expiry{
		Workspace: member.Workspace.Name, Name: member.ConfirmedName(),
		Link: w.PublicURL + in.APIKeysReviewed(string(models.FindExpiring)), Settings: w.PublicURL + path.Account + "#emails",
	}
	for i := range due.ExpiringKeys {
		key := &due.ExpiringKeys[i]
		name := key.Name
		if member.User.VerifiedAt == nil { // the recipient might be a stranger, and the name a message to them
			name = key.KeyPrefix
		}
		expiry.Keys = append(expiry.Keys, email.ExpiringKey{
			Name: name, Prefix: key.KeyPrefix, ExpiresAt: *key.ExpiresAt, LastUsedAt: key.LastUsedAt, Link: w.PublicURL + in.APIKey(key.ID),
		})
	}
	return expiry
}

// composeNotifications returns an email about keys. It has names only if the recipient isn't a stranger, to whom they
// might be a message.
func (w Worker) composeNotifications(due *models.Email) content {
	member := due.Member
	in := path.Workspace(member.WorkspaceID)
	letter := email.Notifications{
		Workspace: member.Workspace.Name, Name: member.ConfirmedName(),
		Link: w.PublicURL + in.Notifications(), Settings: w.PublicURL + path.Account + "#emails",
	}
	for _, n := range due.Notifications {
		item := email.NotificationItem{Kind: n.Kind, Key: n.KeyPrefix, Keys: n.Keys, At: n.CreatedAt, Link: w.PublicURL + in.AuditLog()}
		if n.APIKeyID != "" {
			item.Link, item.Happened = w.PublicURL+in.APIKey(n.APIKeyID), notifications.HappenedToKey(n)
		}
		if member.User.VerifiedAt != nil {
			item.Key, item.By = n.KeyName, notifications.By(n)
		}
		letter.Items = append(letter.Items, item)
	}
	return letter
}

// composeAccount returns an email about an account.
func (w Worker) composeAccount(due *models.Email) content {
	name := due.User.ConfirmedName()
	switch due.Kind {
	case models.ResetEmail:
		return email.PasswordReset{Name: name, Link: w.PublicURL + path.ResetPasswordWith(due.Link.Token), ExpiresAt: due.Link.ExpiresAt}
	case models.ConfirmEmail: // the recipient might be a stranger, and the name a message to them
		return email.Confirmation{Link: w.PublicURL + path.ConfirmEmailWith(due.Link.Token), ExpiresAt: due.Link.ExpiresAt}
	case models.EmailChangedEmail:
		return email.EmailChanged{Name: name, Email: due.NewEmail, At: due.RequestedAt}
	case models.WorkspaceDeletedEmail:
		return email.WorkspaceDeleted{
			Name: name, Workspace: due.Workspace.Name, WorkspaceID: due.Workspace.ID, By: due.By, At: *due.Workspace.DeletedAt, RemovedAt: *due.Workspace.RemovedAt(),
		}
	case models.WorkspaceRestoredEmail:
		link := w.PublicURL + path.Workspace(due.Workspace.ID).APIKeys()
		return email.WorkspaceRestored{Name: name, Workspace: due.Workspace.Name, At: due.RequestedAt, Link: link}
	case models.NewDeviceEmail:
		return email.NewDevice{Name: name, Address: due.Address, UserAgent: due.UserAgent, At: due.RequestedAt, Link: w.PublicURL + path.ForgotPassword}
	}
	return email.CredentialChanged{Kind: due.Kind, Name: name, At: due.RequestedAt, Link: w.PublicURL + path.ForgotPassword}
}

// send sends an email. It returns an error only if the email can't be rendered.
func (w Worker) send(ctx context.Context, due *models.Email, email content) (models.EmailFailure, error) {
	var html bytes.Buffer
	if err := email.HTML().Render(ctx, &html); err != nil {
		return "", fmt.Errorf("render email %q: %w", email.Subject(), err)
	}
	err := w.Sender.Send(ctx, Message{To: due.To, Subject: email.Subject(), Text: email.Text(), HTML: html.String()})
	var failure models.EmailFailure
	switch {
	case IsRejected(err):
		failure = models.EmailRejected
	case err != nil:
		failure = models.EmailUnreachable
	}
	if w.Attempted != nil {
		w.Attempted(failure)
	}
	if err == nil {
		return "", nil
	}
	w.Log.Warn("email not sent", "kind", fmt.Sprintf("%T", email), subjectOf(due), "failure", string(failure), "error", err)
	return failure, nil
}

// subjectOf returns whom an email is about, for the log.
func subjectOf(due *models.Email) slog.Attr {
	if due.Kind != "" {
		return slog.String("user", due.User.ID)
	}
	return slog.String("member", due.Member.ID)
}

// poll calls next until ctx is done: again at once while it reports more, and otherwise after an
// interval. The context of next is not canceled.
func poll(ctx context.Context, interval time.Duration, log *slog.Logger, next func(context.Context) (more bool, err error)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var state outage.Log
	for ctx.Err() == nil {
		more, err := next(context.WithoutCancel(ctx))
		state.Report(log, "send email", err)
		if more && err == nil {
			continue
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}
