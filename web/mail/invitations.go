package mail

import (
	"context"
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

// Run mails what is due until ctx ends.
func (i Invitations) Run(ctx context.Context) { mailDue(ctx, invitationsEvery, i.Log, i.next) }

// next mails one invitation, and reports whether there was one.
func (i Invitations) next(ctx context.Context) (bool, error) {
	invitation, err := i.Store.NextInvitation(ctx)
	if err != nil || invitation == nil {
		return false, err
	}
	member := invitation.Member
	failure, err := send(ctx, i.Sender, i.Log, member, letter.Invitation{
		Workspace: member.Workspace.Name, Name: member.User.Name, ExpiresAt: invitation.ExpiresAt,
		Account: !invitation.NeedsAccount(), Link: i.PublicURL + path.Invitation(invitation.Token),
	})
	if err != nil {
		return true, err
	}
	return true, i.Store.MailedInvitation(ctx, invitation, failure)
}
