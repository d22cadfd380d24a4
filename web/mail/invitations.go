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

// invitationsEvery is how often a node looks for invitations to mail: short for somebody who
// waits for theirs, and cheap with an index of those that are due.
const invitationsEvery = time.Second

// Invitations mails the invitations that are due. Any number of nodes may do so.
type Invitations struct {
	Store     *models.Store
	Sender    *Sender
	PublicURL string // under which the links lead
	Log       *slog.Logger
}

// Run mails what is due until ctx ends. A mail that is on its way then is seen through.
func (i Invitations) Run(ctx context.Context) {
	tick := time.NewTicker(invitationsEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		more, err := i.next(context.WithoutCancel(ctx))
		if err != nil {
			i.Log.Error("mail invitations", "error", err)
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

// next mails one invitation, and reports whether there was one.
func (i Invitations) next(ctx context.Context) (bool, error) {
	invitation, err := i.Store.NextInvitation(ctx)
	if err != nil || invitation == nil {
		return false, err
	}
	message, err := i.letter(ctx, invitation)
	if err != nil {
		return true, err
	}
	var failure models.MailFailure
	if err := i.Sender.Send(ctx, message); err != nil {
		failure = models.MailUnreachable
		if IsRefused(err) {
			failure = models.MailRefused
		}
		i.Log.Warn("an invitation was not mailed", "member", invitation.Member.ID, "failure", string(failure), "error", err)
	}
	return true, i.Store.MailedInvitation(ctx, invitation, failure)
}

func (i Invitations) letter(ctx context.Context, invitation *models.Invitation) (Message, error) {
	member := invitation.Member
	drawn := letter.Invitation{
		Workspace: member.Workspace.Name, Name: member.User.Name, ExpiresAt: invitation.ExpiresAt,
		Account: !invitation.NeedsAccount(), Link: i.PublicURL + path.Invitation(invitation.Token),
	}
	var html bytes.Buffer
	if err := drawn.HTML().Render(ctx, &html); err != nil {
		return Message{}, fmt.Errorf("draw invitation: %w", err)
	}
	return Message{To: member.User.Email, Subject: drawn.Subject(), Text: drawn.Text(), HTML: html.String()}, nil
}
