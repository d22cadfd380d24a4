package models

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// InvitationLife is how long the link of an invitation works.
const InvitationLife = 7 * 24 * time.Hour

// invitation is a link with which an added person joins a workspace, once. A member has at most
// one: another takes the place of the one before.
type invitation struct {
	MemberID     string `gorm:"primaryKey"`
	Digest       []byte
	MailDueAt    *time.Time // when to make the link and mail it; nil if nobody is to
	MailAttempts int
	MailedAt     *time.Time
	MailFailure  MailFailure // of the last attempt
	ExpiresAt    time.Time
	CreatedAt    time.Time
}

// Invitation is a link for a pending member, to be given to that person alone.
type Invitation struct {
	Token     string
	Member    *Member // with its user and its workspace
	ExpiresAt time.Time
}

// errInvitation is the answer to a link that was used, replaced or invented.
var errInvitation = Errorf(NotFound, "This invitation has been used, replaced by another, or has expired. Ask an admin of the workspace for a new one.")

// InviteMember makes the link with which a pending member joins a workspace. An earlier one stops
// working. A member who has joined, or is deactivated, is Refused.
func (s *Store) InviteMember(ctx context.Context, workspaceID, id string) (*Invitation, error) {
	var made *Invitation
	err := s.Tx(ctx, func(tx *Store) error {
		member, err := tx.memberToInvite(ctx, workspaceID, id)
		if err != nil {
			return err
		}
		if made, err = tx.makeInvitation(ctx, member, nil); err != nil {
			return err
		}
		return tx.audit(ctx, workspaceID, "member.invited", member.target(), map[string]string{"by": "link"})
	})
	return made, err
}

// MailInvitation has the invitation of a pending member mailed, again if it was mailed before.
// It is Refused where nobody mails.
func (s *Store) MailInvitation(ctx context.Context, workspaceID, id string) error {
	if !s.mails {
		return Errorf(FailedPrecondition, "This server sends no mail: SMTP_URL is not set. Copy the link instead.")
	}
	return s.Tx(ctx, func(tx *Store) error {
		member, err := tx.memberToInvite(ctx, workspaceID, id)
		if err != nil {
			return err
		}
		return tx.inviteByMail(ctx, member)
	})
}

// MailsInvitations reports whether invitations are mailed.
func (s *Store) MailsInvitations() bool { return s.mails }

// memberToInvite is a pending member, whose workspace is locked.
func (s *Store) memberToInvite(ctx context.Context, workspaceID, id string) (*Member, error) {
	if _, err := s.lockWorkspace(ctx, workspaceID); err != nil {
		return nil, err
	}
	member, err := s.Member(ctx, workspaceID, id)
	switch {
	case err != nil:
		return nil, err
	case member.DeactivatedAt != nil:
		return nil, Errorf(FailedPrecondition, "This member is deactivated. Reactivate it first.")
	case !member.Pending:
		return nil, Errorf(FailedPrecondition, "This member has joined already, and can sign in.")
	}
	return member, nil
}

// inviteByMail asks whoever mails to invite a member who is pending.
func (s *Store) inviteByMail(ctx context.Context, member *Member) error {
	if !s.mails || !member.Pending {
		return nil
	}
	now := s.now()
	if _, err := s.makeInvitation(ctx, member, &now); err != nil {
		return err
	}
	return s.audit(ctx, member.WorkspaceID, "member.invited", member.target(), map[string]string{"by": "mail"})
}

// makeInvitation stores an invitation in the place of the one before. The token of one that is
// to be mailed is made when it is.
func (s *Store) makeInvitation(ctx context.Context, member *Member, mailDueAt *time.Time) (*Invitation, error) {
	token, now := rand.Text(), s.now()
	row := invitation{MemberID: member.ID, Digest: digestOf(token), MailDueAt: mailDueAt, ExpiresAt: now.Add(InvitationLife), CreatedAt: now}
	if err := s.with(ctx).Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
		return nil, fmt.Errorf("store invitation: %w", err)
	}
	return &Invitation{Token: token, Member: member, ExpiresAt: row.ExpiresAt}, nil
}

// Invitation is the living invitation of a link, or NotFound.
func (s *Store) Invitation(ctx context.Context, token string) (*Invitation, error) {
	var row invitation
	err := s.with(ctx).Where("digest = ? AND expires_at > ?", digestOf(token), s.now()).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, errInvitation
	}
	if err != nil {
		return nil, fmt.Errorf("read invitation: %w", err)
	}
	member, err := s.invitedMember(ctx, row.MemberID)
	if err != nil {
		return nil, err
	}
	if !member.Pending || member.DeactivatedAt != nil {
		return nil, errInvitation
	}
	return &Invitation{Token: token, Member: member, ExpiresAt: row.ExpiresAt}, nil
}

// lockInvitation is Invitation under the lock of its workspace: the member is not taken out and
// not invited again until the transaction ends.
func (s *Store) lockInvitation(ctx context.Context, token string) (*Invitation, error) {
	invited, err := s.Invitation(ctx, token)
	if err != nil {
		return nil, err
	}
	if _, err := s.lockWorkspace(ctx, invited.Member.WorkspaceID); err != nil {
		return nil, err
	}
	return s.Invitation(ctx, token)
}

// invitedMember is the member of an invitation, with its user and its workspace.
func (s *Store) invitedMember(ctx context.Context, id string) (*Member, error) {
	var member Member
	if err := s.with(ctx).Joins("User").Joins("Workspace").Where("members.id = ?", id).Take(&member).Error; err != nil {
		return nil, notFound(err, "member")
	}
	return &member, nil
}

// InvitationOf is what is known of the invitation of a pending member; nil if there is none that
// lives.
func (s *Store) InvitationOf(ctx context.Context, memberID string) (*InvitationState, error) {
	states, err := s.invitationsOf(ctx, []string{memberID})
	return states[memberID], err
}

// invitationsOf are the living invitations of members, by their ids.
func (s *Store) invitationsOf(ctx context.Context, memberIDs []string) (map[string]*InvitationState, error) {
	var rows []invitation
	if err := s.with(ctx).Where("member_id IN ? AND expires_at > ?", memberIDs, s.now()).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read invitations: %w", err)
	}
	states := make(map[string]*InvitationState, len(rows))
	for _, row := range rows {
		states[row.MemberID] = &InvitationState{
			ExpiresAt: row.ExpiresAt, MailedAt: row.MailedAt, BeingMailed: row.MailDueAt != nil, Failure: row.MailFailure,
		}
	}
	return states, nil
}

// InvitationState is how far an invitation has come.
type InvitationState struct {
	ExpiresAt   time.Time
	MailedAt    *time.Time
	BeingMailed bool
	Failure     MailFailure // of the last attempt to mail it; empty if there was none that failed
}

// NeedsAccount reports whether the person of i has no account yet, so that i is accepted with a
// name and a password: see AcceptInvitation, and AcceptInvitationAs for the others.
func (i *Invitation) NeedsAccount() bool { return i.Member.User.PasswordHash == "" }

// AcceptInvitation makes the person of a link, who has no account yet, a member with a name and
// a password.
func (s *Store) AcceptInvitation(ctx context.Context, token, name, password string) (*Member, error) {
	invited, err := s.Invitation(ctx, token)
	if err != nil {
		return nil, err
	}
	fields := Fields{}
	checkName(fields, "name", name)
	checkPassword(fields, "password", password, invited.Member.User.Email, name, invited.Member.Workspace.Name)
	if err := fields.err(); err != nil {
		return nil, err
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return nil, fmt.Errorf("hash password: %w", err)
	}
	member := invited.Member
	err = s.Tx(ctx, func(tx *Store) error {
		if _, err := tx.lockInvitation(ctx, token); err != nil {
			return err
		}
		err := tx.openAccount(ctx, &member.User, name, hash)
		if errors.Is(err, errAccountJustMade) {
			return errInvitation
		}
		if err != nil {
			return err
		}
		return tx.join(ctx, member)
	})
	if err != nil {
		return nil, err
	}
	return member, nil
}

// AcceptInvitationAs makes a user who is signed in, and whom the link is for, a member. Anybody
// else is Forbidden.
func (s *Store) AcceptInvitationAs(ctx context.Context, token, userID string) (*Member, error) {
	var member *Member
	err := s.Tx(ctx, func(tx *Store) error {
		invited, err := tx.lockInvitation(ctx, token)
		if err != nil {
			return err
		}
		if member = invited.Member; member.UserID != userID || invited.NeedsAccount() {
			return Errorf(Forbidden, "This invitation is for somebody else.")
		}
		return tx.join(ctx, member)
	})
	if err != nil {
		return nil, err
	}
	return member, nil
}

// join makes a pending member one who has joined. Its link dies; those of other workspaces are
// for them to accept.
func (s *Store) join(ctx context.Context, member *Member) error {
	update := s.with(ctx).Model(&Member{}).Where("id = ? AND pending", member.ID).Update("pending", false)
	if update.Error != nil {
		return fmt.Errorf("update member: %w", update.Error)
	}
	if update.RowsAffected == 0 {
		return errInvitation
	}
	if err := s.with(ctx).Where("member_id = ?", member.ID).Delete(&invitation{}).Error; err != nil {
		return fmt.Errorf("delete invitation: %w", err)
	}
	member.Pending = false
	actor := ActorOf(ctx)
	actor.Type, actor.ID, actor.Name = ActorMember, member.ID, member.User.Name
	return s.audit(WithActor(ctx, actor), member.WorkspaceID, "member.joined", member.target(), nil)
}
