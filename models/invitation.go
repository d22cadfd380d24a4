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

// InvitationLife is how long an invitation link works.
const InvitationLife = 7 * 24 * time.Hour

// invitation is a single-use link with which a pending member joins a workspace. A member has at
// most one: a new one replaces it.
type invitation struct {
	MemberID      string `gorm:"primaryKey"`
	Digest        []byte
	EmailDueAt    *time.Time   `gorm:"column:mail_due_at"` // nil if it isn't to be emailed
	EmailAttempts int          `gorm:"column:mail_attempts"`
	EmailedAt     *time.Time   `gorm:"column:mailed_at"`
	EmailFailure  EmailFailure `gorm:"column:mail_failure"` // of the last attempt
	ExpiresAt     time.Time
	CreatedAt     time.Time
}

// ofActiveMember matches the invitations that aren't revoked.
const ofActiveMember = "EXISTS (SELECT 1 FROM members WHERE members.id = invitations.member_id AND members.deactivated_at IS NULL)"

// Invitation is an invitation link. Its token must be shown to no one but the invited person.
type Invitation struct {
	Token     string
	Member    *Member // with its user and workspace
	Emailed   bool    // the link was never shown, only emailed, so it proves the email
	ExpiresAt time.Time
}

// errInvitation is returned for a link that was used or replaced, has expired, or never existed.
var errInvitation = Errorf(NotFound, "This link was already used, replaced, or expired. Ask a workspace admin for a new one.")

// InviteMember creates an invitation link for a pending member. An earlier link stops working. It
// returns FailedPrecondition for a member who has joined or is deactivated.
func (s *Store) InviteMember(ctx context.Context, workspaceID, id string) (*Invitation, error) {
	var created *Invitation
	err := s.Tx(ctx, func(tx *Store) error {
		member, err := tx.memberToInvite(ctx, workspaceID, id)
		if err != nil {
			return err
		}
		if created, err = tx.createInvitation(ctx, member, nil); err != nil {
			return err
		}
		return tx.audit(ctx, workspaceID, "member.invited", member.target(), map[string]string{"by": "link"})
	})
	return created, err
}

// EmailInvitation emails a new invitation link to a pending member. An earlier link stops working.
// It returns FailedPrecondition if this server doesn't send email, and RateLimited after too many emails.
func (s *Store) EmailInvitation(ctx context.Context, workspaceID, id string) error {
	if !s.sendsEmail {
		return Errorf(FailedPrecondition, "Email isn't set up on this server (SMTP_URL is not set). Share the invite link instead.")
	}
	return s.Tx(ctx, func(tx *Store) error {
		member, err := tx.memberToInvite(ctx, workspaceID, id)
		if err != nil {
			return err
		}
		return tx.inviteByEmail(ctx, member)
	})
}

// SendsEmail reports whether this server sends email.
func (s *Store) SendsEmail() bool { return s.sendsEmail }

// memberToInvite locks the workspace and returns one of its pending members.
func (s *Store) memberToInvite(ctx context.Context, workspaceID, id string) (*Member, error) {
	if _, err := s.lockWorkspace(ctx, workspaceID); err != nil {
		return nil, err
	}
	member, err := s.Member(ctx, workspaceID, id)
	switch {
	case err != nil:
		return nil, err
	case member.DeactivatedAt != nil:
		return nil, Errorf(FailedPrecondition, "This member is deactivated. Reactivate them first.")
	case !member.Pending:
		return nil, Errorf(FailedPrecondition, "This member has already joined and can sign in.")
	}
	return member, nil
}

// inviteByEmail requests an invitation email to a pending member, if this server sends email. It returns
// RateLimited as takeEmail does.
func (s *Store) inviteByEmail(ctx context.Context, member *Member) error {
	if !s.sendsEmail || !member.Pending {
		return nil
	}
	if err := s.takeEmail(ctx, member); err != nil {
		return err
	}
	now, err := s.databaseNow(ctx)
	if err != nil {
		return err
	}
	if _, err := s.createInvitation(ctx, member, &now); err != nil {
		return err
	}
	return s.audit(ctx, member.WorkspaceID, "member.invited", member.target(), map[string]string{"by": "mail"})
}

// createInvitation stores an invitation and replaces any earlier one. If emailDueAt is set,
// ClaimEmail replaces the token, so that only the email contains one that works.
func (s *Store) createInvitation(ctx context.Context, member *Member, emailDueAt *time.Time) (*Invitation, error) {
	token, now := rand.Text(), s.now()
	row := invitation{MemberID: member.ID, Digest: digestOf(token), EmailDueAt: emailDueAt, ExpiresAt: now.Add(InvitationLife), CreatedAt: now}
	if err := s.with(ctx).Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
		return nil, fmt.Errorf("store invitation: %w", err)
	}
	return &Invitation{Token: token, Member: member, ExpiresAt: row.ExpiresAt}, nil
}

// Invitation returns the invitation with a token. It returns NotFound if the link no longer works.
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
	return &Invitation{Token: token, Member: member, Emailed: row.EmailAttempts > 0, ExpiresAt: row.ExpiresAt}, nil
}

// lockInvitation returns the invitation with a token and locks its workspace, so that the member
// is neither removed nor invited again before the transaction ends.
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

// invitedMember returns a member with its user and workspace.
func (s *Store) invitedMember(ctx context.Context, id string) (*Member, error) {
	var member Member
	if err := s.with(ctx).Joins("User").Joins("Workspace").Where("members.id = ?", id).Take(&member).Error; err != nil {
		return nil, notFound(err, "member")
	}
	return &member, nil
}

// InvitationStatus is the status of an invitation that has not expired.
type InvitationStatus struct {
	ExpiresAt time.Time
	EmailedAt *time.Time
	Emailing  bool         // an email is waiting to be sent
	Failure   EmailFailure // of the last attempt to email it; empty if it succeeded
}

// InvitationStatusOf returns the status of a pending member's invitation, or nil if there is none
// that still works.
func (s *Store) InvitationStatusOf(ctx context.Context, memberID string) (*InvitationStatus, error) {
	statuses, err := s.invitationStatuses(ctx, []string{memberID})
	return statuses[memberID], err
}

// invitationStatuses returns the statuses of the members' invitations by member ID.
func (s *Store) invitationStatuses(ctx context.Context, memberIDs []string) (map[string]*InvitationStatus, error) {
	var rows []invitation
	if err := s.with(ctx).Where("member_id IN ? AND expires_at > ?", memberIDs, s.now()).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read invitations: %w", err)
	}
	statuses := make(map[string]*InvitationStatus, len(rows))
	for _, row := range rows {
		statuses[row.MemberID] = &InvitationStatus{
			ExpiresAt: row.ExpiresAt, EmailedAt: row.EmailedAt, Emailing: row.EmailDueAt != nil, Failure: row.EmailFailure,
		}
	}
	return statuses, nil
}

// NeedsAccount reports whether the invited person has no account yet. If so, the invitation is
// accepted with AcceptInvitation; otherwise with AcceptInvitationAs.
func (i *Invitation) NeedsAccount() bool { return i.Member.User.PasswordHash == "" }

// AcceptInvitation creates an account for the invited person and joins the workspace.
func (s *Store) AcceptInvitation(ctx context.Context, token, name, password string) (*Member, error) {
	invited, err := s.Invitation(ctx, token)
	if err != nil {
		return nil, err
	}
	fields := Fields{}
	name = checkName(fields, "name", name)
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
		invited, err := tx.lockInvitation(ctx, token)
		if err != nil {
			return err
		}
		var verifiedAt *time.Time
		if invited.Emailed {
			now := tx.now()
			verifiedAt = &now
		}
		err = tx.openAccount(ctx, &member.User, name, hash, verifiedAt)
		if errors.Is(err, errAccountJustCreated) {
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

// AcceptInvitationAs joins the workspace as a signed-in user. It returns Forbidden if the
// invitation is for someone else.
func (s *Store) AcceptInvitationAs(ctx context.Context, token, userID string) (*Member, error) {
	var member *Member
	err := s.Tx(ctx, func(tx *Store) error {
		invited, err := tx.lockInvitation(ctx, token)
		if err != nil {
			return err
		}
		if member = invited.Member; member.UserID != userID || invited.NeedsAccount() {
			return Errorf(Forbidden, "This invitation is for someone else.")
		}
		if invited.Emailed {
			if err := tx.verify(ctx, &member.User); err != nil {
				return err
			}
		}
		return tx.join(ctx, member)
	})
	if err != nil {
		return nil, err
	}
	return member, nil
}

// join marks a pending member as joined and deletes the invitation. Invitations to other
// workspaces stay.
func (s *Store) join(ctx context.Context, member *Member) error {
	update := s.with(ctx).Model(&Member{}).Where("id = ? AND pending", member.ID).Updates(map[string]any{"pending": false, "invited_name": ""})
	if update.Error != nil {
		return fmt.Errorf("update member: %w", update.Error)
	}
	if update.RowsAffected == 0 {
		return errInvitation
	}
	if err := s.with(ctx).Where("member_id = ?", member.ID).Delete(&invitation{}).Error; err != nil {
		return fmt.Errorf("delete invitation: %w", err)
	}
	member.Pending, member.InvitedName = false, ""
	actor := ActorOf(ctx)
	actor.Type, actor.ID, actor.Name = ActorMember, member.ID, member.Name()
	return s.audit(WithActor(ctx, actor), member.WorkspaceID, "member.joined", member.target(), nil)
}
