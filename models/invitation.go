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

// invitation is a link with which an added person sets a password, once. A member has at most
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

// InviteMember makes the link with which a pending member of a workspace sets a password. An
// earlier one stops working. A member who can sign in, or is deactivated, is Refused.
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
		return Errorf(Refused, "This server sends no mail: SMTP_URL is not set. Copy the link instead.")
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

func (s *Store) memberToInvite(ctx context.Context, workspaceID, id string) (*Member, error) {
	member, err := s.Member(ctx, workspaceID, id)
	switch {
	case err != nil:
		return nil, err
	case member.DeactivatedAt != nil:
		return nil, Errorf(Refused, "This member is deactivated. Reactivate it first.")
	case !member.IsPending():
		return nil, Errorf(Refused, "This member has a password already, and can sign in with it.")
	}
	return member, nil
}

// inviteByMail asks whoever mails to invite a member who is pending. One who can sign in is told
// of the workspace in the same way, with a link that opens nothing.
func (s *Store) inviteByMail(ctx context.Context, member *Member) error {
	if !s.mails {
		return nil
	}
	now := s.now()
	if _, err := s.makeInvitation(ctx, member, &now); err != nil || !member.IsPending() {
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
	if !member.IsPending() || member.DeactivatedAt != nil {
		return nil, errInvitation
	}
	return &Invitation{Token: token, Member: member, ExpiresAt: row.ExpiresAt}, nil
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

// AcceptInvitation gives the person of a link a name and a password. Every link of that person
// dies with it.
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
		if _, err := tx.Invitation(ctx, token); err != nil {
			return err
		}
		return tx.join(ctx, member, name, hash)
	})
	if err != nil {
		return nil, err
	}
	return member, nil
}

// join makes the user of a pending member one who can sign in.
func (s *Store) join(ctx context.Context, member *Member, name, hash string) error {
	update := s.with(ctx).Model(&User{}).Where("id = ? AND password_hash = ''", member.UserID).
		Updates(map[string]any{"name": name, "password_hash": hash})
	if update.Error != nil {
		return fmt.Errorf("update user: %w", update.Error)
	}
	if update.RowsAffected == 0 {
		return errInvitation
	}
	own := s.with(ctx).Model(&Member{}).Select("id").Where("user_id = ?", member.UserID)
	if err := s.with(ctx).Where("member_id IN (?)", own).Delete(&invitation{}).Error; err != nil {
		return fmt.Errorf("delete invitations: %w", err)
	}
	member.User.Name, member.User.PasswordHash = name, hash
	actor := ActorOf(ctx)
	actor.Type, actor.ID, actor.Name = ActorMember, member.ID, name
	return s.audit(WithActor(ctx, actor), member.WorkspaceID, "member.joined", member.target(), nil)
}
