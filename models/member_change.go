package models

import (
	"context"
	"fmt"
)

// errLastAdmin: a workspace without an admin who can sign in could not be administered any more.
var errLastAdmin = Errorf(FailedPrecondition, "This is the last admin who can sign in. Make somebody else an admin first.")

// DeactivateMember takes a member of a workspace out of it: the member's sessions there end at
// once and the seat is free. The last active admin who can sign in, and a member who is not
// active, are Refused. API keys that the member has made go on working.
func (s *Store) DeactivateMember(ctx context.Context, workspaceID, id string) (*Member, error) {
	return s.changeMember(ctx, workspaceID, id, func(tx *Store, member *Member) error {
		if member.DeactivatedAt != nil {
			return Errorf(FailedPrecondition, "This member is deactivated already.")
		}
		now := tx.now()
		member.DeactivatedAt = &now
		if err := tx.updateMember(ctx, member); err != nil {
			return err
		}
		if err := tx.forget(ctx, member); err != nil {
			return err
		}
		if err := tx.publish(ctx, workspaceID, MemberDeactivatedEvent, member.Wire()); err != nil {
			return err
		}
		return tx.audit(ctx, workspaceID, "member.deactivated", member.target(), nil)
	})
}

// forget takes away what a member who has been deactivated held in the workspace.
func (s *Store) forget(ctx context.Context, member *Member) error {
	err := s.with(ctx).Where("user_id = ? AND workspace_id = ?", member.UserID, member.WorkspaceID).Delete(&Session{}).Error
	if err != nil {
		return fmt.Errorf("end sessions of member: %w", err)
	}
	if err := s.with(ctx).Where("member_id = ?", member.ID).Delete(&invitation{}).Error; err != nil {
		return fmt.Errorf("delete invitation: %w", err)
	}
	return s.releaseSeatOf(ctx, member)
}

// ReactivateMember lets a deactivated member of a workspace in again, without a seat. One who
// is active is Refused.
func (s *Store) ReactivateMember(ctx context.Context, workspaceID, id string) (*Member, error) {
	return s.changeMember(ctx, workspaceID, id, func(tx *Store, member *Member) error {
		if member.DeactivatedAt == nil {
			return Errorf(FailedPrecondition, "This member is active already.")
		}
		if err := tx.activate(ctx, member); err != nil {
			return err
		}
		return tx.inviteByEmail(ctx, member)
	})
}

func (s *Store) activate(ctx context.Context, member *Member) error {
	member.DeactivatedAt = nil
	if err := s.updateMember(ctx, member); err != nil {
		return err
	}
	if err := s.publish(ctx, member.WorkspaceID, MemberReactivatedEvent, member.Wire()); err != nil {
		return err
	}
	return s.audit(ctx, member.WorkspaceID, "member.reactivated", member.target(), map[string]string{"role": string(member.Role)})
}

// ChangeMemberRole gives an active member of a workspace another role. The last active admin
// who can sign in is Refused.
func (s *Store) ChangeMemberRole(ctx context.Context, workspaceID, id string, role Role) (*Member, error) {
	fields := Fields{}
	checkRole(fields, role)
	if err := fields.err(); err != nil {
		return nil, err
	}
	return s.changeMember(ctx, workspaceID, id, func(tx *Store, member *Member) error {
		if member.DeactivatedAt != nil {
			return Errorf(FailedPrecondition, "This member is deactivated. Reactivate it first.")
		}
		before := member.Role
		if before == role {
			return nil
		}
		member.Role = role
		if err := tx.updateMember(ctx, member); err != nil {
			return err
		}
		return tx.audit(ctx, workspaceID, "member.role_changed", member.target(), map[string]string{"from": string(before), "to": string(role)})
	})
}

// changeMember runs change on a member under the workspace's lock, and sees that an admin who
// can sign in is left.
func (s *Store) changeMember(ctx context.Context, workspaceID, id string, change func(tx *Store, member *Member) error) (*Member, error) {
	var member *Member
	err := s.Tx(ctx, func(tx *Store) error {
		if _, err := tx.lockWorkspace(ctx, workspaceID); err != nil {
			return err
		}
		var err error
		if member, err = tx.Member(ctx, workspaceID, id); err != nil {
			return err
		}
		if err := change(tx, member); err != nil {
			return err
		}
		return tx.requireAdmin(ctx, workspaceID)
	})
	if err != nil {
		return nil, err
	}
	return member, nil
}

// requireAdmin is errLastAdmin unless an active admin of the workspace can sign in.
func (s *Store) requireAdmin(ctx context.Context, workspaceID string) error {
	var admins int64
	err := s.with(ctx).Model(&Member{}).
		Where("workspace_id = ? AND role = ? AND deactivated_at IS NULL AND NOT pending", workspaceID, Admin).
		Count(&admins).Error
	if err != nil {
		return fmt.Errorf("count admins: %w", err)
	}
	if admins == 0 {
		return errLastAdmin
	}
	return nil
}

func (s *Store) updateMember(ctx context.Context, member *Member) error {
	err := s.with(ctx).Model(&Member{}).Where("id = ?", member.ID).
		Updates(map[string]any{"role": member.Role, "deactivated_at": member.DeactivatedAt}).Error
	if err != nil {
		return fmt.Errorf("update member: %w", err)
	}
	return nil
}
