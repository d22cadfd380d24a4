package models

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
)

// CorrectMember changes the email and the name of a member who has not joined yet. An invitation to another
// email stops working; if this server sends email, the new one gets an invitation. It returns
// FailedPrecondition for a member who has joined or is deactivated, and RateLimited after too many emails.
func (s *Store) CorrectMember(ctx context.Context, workspaceID, id, email, name string) (*Member, error) {
	fields := Fields{}
	email = checkEmail(fields, "email", email)
	if name != "" {
		name = checkName(fields, "name", name)
	}
	if err := fields.err(); err != nil {
		return nil, err
	}
	return s.changeMember(ctx, workspaceID, id, func(tx *Store, member *Member) error {
		if _, err := tx.memberToInvite(ctx, workspaceID, id); err != nil {
			return err
		}
		details := map[string]string{}
		if member.InvitedName != name {
			details["previous_name"], member.InvitedName = member.InvitedName, name
			if err := tx.updateMember(ctx, member); err != nil {
				return err
			}
		}
		if member.User.Email != email {
			details["previous_email"] = member.User.Email
			if err := tx.readdress(ctx, member, email); err != nil {
				return err
			}
		}
		if len(details) == 0 {
			return nil
		}
		return tx.audit(ctx, workspaceID, "member.corrected", member.target(), details)
	})
}

// readdress makes a pending member the person with another email, and invites that person instead.
func (s *Store) readdress(ctx context.Context, member *Member, email string) error {
	before := member.UserID
	user, err := s.userByEmail(ctx, email)
	if errors.Is(err, gorm.ErrRecordNotFound) {
		user, err = s.insertUser(ctx, &User{Email: email})
	}
	if err != nil {
		return err
	}
	var others int64
	if err := s.with(ctx).Model(&Member{}).Where("workspace_id = ? AND user_id = ?", member.WorkspaceID, user.ID).Count(&others).Error; err != nil {
		return fmt.Errorf("count members with an email: %w", err)
	}
	if others > 0 {
		return Fields{"email": "belongs to someone who is or was a member"}.err()
	}
	if err := s.with(ctx).Model(&Member{}).Where("id = ?", member.ID).Update("user_id", user.ID).Error; err != nil {
		return fmt.Errorf("update member: %w", err)
	}
	member.UserID, member.User = user.ID, *user
	if err := s.with(ctx).Where("member_id = ?", member.ID).Delete(&invitation{}).Error; err != nil {
		return fmt.Errorf("delete invitation: %w", err)
	}
	if err := s.deleteUnusedUser(ctx, before); err != nil {
		return err
	}
	return s.inviteByEmail(ctx, member)
}

// deleteUnusedUser deletes a user who has no password and is no longer a member of any workspace.
func (s *Store) deleteUnusedUser(ctx context.Context, id string) error {
	err := s.with(ctx).Where("id = ? AND password_hash = '' AND NOT EXISTS (SELECT 1 FROM members WHERE user_id = users.id)", id).Delete(&User{}).Error
	if err != nil {
		return fmt.Errorf("delete unused user: %w", err)
	}
	return nil
}
