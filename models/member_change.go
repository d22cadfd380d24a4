package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// errLastAdmin rejects a change after which no one could administer the workspace.
var errLastAdmin = Errorf(FailedPrecondition, "You can't remove the last admin. Make someone else an admin first.")

var errAlreadyActive = Errorf(FailedPrecondition, "This member is already active.")

// DeactivateMember deactivates a member, ends their sessions in the workspace, releases their seat, and
// revokes their invitation. API keys that they own keep working and keep their owner. ReactivateMember and RestoreInvitation
// undo it, so that it needs no Confirmation. It returns FailedPrecondition for the last active admin and for a member who is
// already deactivated, and Forbidden as ReactivateMember does.
func (s *Store) DeactivateMember(ctx context.Context, workspaceID, id string) (*Member, error) {
	return s.changeMember(ctx, workspaceID, id, func(tx *Store, member *Member) error {
		if member.DeactivatedAt != nil {
			return Errorf(FailedPrecondition, "This member is already deactivated.")
		}
		now := tx.now()
		member.DeactivatedAt = &now
		if err := tx.updateMember(ctx, member); err != nil {
			return err
		}
		if err := tx.removeAccess(ctx, member); err != nil {
			return err
		}
		if err := tx.publish(ctx, workspaceID, MemberDeactivatedEvent, member.Wire()); err != nil {
			return err
		}
		return tx.audit(ctx, workspaceID, "member.deactivated", member.target(), nil)
	})
}

// removeAccess deletes the sessions and the seat of a deactivated member. The link of an invitation doesn't work
// while the member is deactivated.
func (s *Store) removeAccess(ctx context.Context, member *Member) error {
	err := s.with(ctx).Where("user_id = ? AND workspace_id = ?", member.UserID, member.WorkspaceID).Delete(&Session{}).Error
	if err != nil {
		return fmt.Errorf("end sessions of member: %w", err)
	}
	return s.releaseSeatOf(ctx, member)
}

// ReactivateMember reactivates a member with the role they had, without a seat. It returns
// FailedPrecondition for an active member, and Forbidden if an API key without every scope
// reactivates an admin.
func (s *Store) ReactivateMember(ctx context.Context, workspaceID, id string) (*Member, error) {
	return s.changeMember(ctx, workspaceID, id, func(tx *Store, member *Member) error {
		if member.DeactivatedAt == nil {
			return errAlreadyActive
		}
		if err := tx.activate(ctx, member); err != nil {
			return err
		}
		return tx.inviteByEmail(ctx, member)
	})
}

// RestoreInvitation reactivates a pending member, and makes the link of their revoked invitation work again.
// It returns FailedPrecondition for an active member, and if the invitation has expired.
func (s *Store) RestoreInvitation(ctx context.Context, workspaceID, id string) (*Member, error) {
	return s.changeMember(ctx, workspaceID, id, func(tx *Store, member *Member) error {
		revoked, err := tx.InvitationStatusOf(ctx, id)
		switch {
		case err != nil:
			return err
		case member.DeactivatedAt == nil:
			return errAlreadyActive
		case revoked == nil:
			return Errorf(FailedPrecondition, "This invitation can't be restored. Reactivate the member to invite them again.")
		}
		return tx.setActive(ctx, member, "member.invitation_restored")
	})
}

// activate reactivates a member. The link of an earlier invitation stays revoked.
func (s *Store) activate(ctx context.Context, member *Member) error {
	if member.User.IsErased() {
		return Errorf(FailedPrecondition, "This person was erased. Invite them again, with their email.")
	}
	if err := s.with(ctx).Where("member_id = ?", member.ID).Delete(&invitation{}).Error; err != nil {
		return fmt.Errorf("delete invitation: %w", err)
	}
	return s.setActive(ctx, member, "member.reactivated")
}

func (s *Store) setActive(ctx context.Context, member *Member, action string) error {
	member.DeactivatedAt = nil
	if err := s.updateMember(ctx, member); err != nil {
		return err
	}
	if err := s.publish(ctx, member.WorkspaceID, MemberReactivatedEvent, member.Wire()); err != nil {
		return err
	}
	return s.audit(ctx, member.WorkspaceID, action, member.target(), map[string]string{"role": string(member.Role)})
}

// ChangeMemberRole changes the role of an active member. It returns FailedPrecondition for the
// last active admin, and Forbidden if an API key without every scope changes someone from or to an
// admin.
func (s *Store) ChangeMemberRole(ctx context.Context, workspaceID, id string, role Role) (*Member, error) {
	fields := Fields{}
	checkRole(fields, role)
	if err := fields.err(); err != nil {
		return nil, err
	}
	return s.changeMember(ctx, workspaceID, id, func(tx *Store, member *Member) error {
		if member.DeactivatedAt != nil {
			return Errorf(FailedPrecondition, "This member is deactivated. Reactivate them first.")
		}
		if err := tx.requireAuthority(ctx, role); err != nil {
			return err
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

// changeMember locks the workspace, calls change with a member, and rejects a change that the acting
// key has no authority for or that leaves no active admin.
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
		if err := tx.requireAuthority(ctx, member.Role); err != nil {
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

// requireAdmin returns errLastAdmin if the workspace has no active admin.
func (s *Store) requireAdmin(ctx context.Context, workspaceID string) error {
	has, err := s.hasAdmin(ctx, workspaceID, "")
	if err == nil && !has {
		return errLastAdmin
	}
	return err
}

// hasAdmin reports whether a workspace has an active admin besides the member with the ID except, if there is one.
func (s *Store) hasAdmin(ctx context.Context, workspaceID, except string) (bool, error) {
	var ids []string
	err := s.activeAdmins(ctx).Where("workspace_id = ? AND id <> ?", workspaceID, except).Limit(1).Pluck("id", &ids).Error
	if err != nil {
		return false, fmt.Errorf("read admins: %w", err)
	}
	return len(ids) > 0, nil
}

// activeAdmins selects the active admins of all workspaces.
func (s *Store) activeAdmins(ctx context.Context) *gorm.DB {
	return s.with(ctx).Model(&Member{}).Where("role = ? AND deactivated_at IS NULL AND NOT pending", Admin)
}

func (s *Store) updateMember(ctx context.Context, member *Member) error {
	err := s.with(ctx).Model(&Member{}).Where("id = ?", member.ID).
		Updates(map[string]any{"role": member.Role, "deactivated_at": member.DeactivatedAt, "invited_name": member.InvitedName}).Error
	if err != nil {
		return fmt.Errorf("update member: %w", err)
	}
	return nil
}
