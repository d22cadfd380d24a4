package models

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm/clause"

	"github.com/skipup/keys/models/token"
)

// RenameWorkspace changes the name of a workspace.
func (s *Store) RenameWorkspace(ctx context.Context, id, name string) (*Workspace, error) {
	fields := Fields{}
	name = checkName(fields, "name", name)
	if err := fields.err(); err != nil {
		return nil, err
	}
	var workspace *Workspace
	err := s.Tx(ctx, func(tx *Store) (err error) {
		if workspace, err = tx.lockWorkspace(ctx, id); err != nil || workspace.Name == name {
			return err
		}
		before := workspace.Name
		if err := tx.with(ctx).Model(workspace).Omit(clause.Associations).Update("name", name).Error; err != nil {
			return fmt.Errorf("rename workspace: %w", err)
		}
		workspace.Name = name
		return tx.audit(ctx, id, "workspace.renamed", workspace.target(), map[string]string{"from": before})
	})
	if err != nil {
		return nil, err
	}
	return workspace, nil
}

// errLastAdminLeaves rejects that the last admin leaves.
var errLastAdminLeaves = Errorf(FailedPrecondition, "You're the last admin of this workspace. Make someone else an admin first, or delete the workspace.")

// LeaveWorkspace ends a person's own membership and releases their seat. They stay signed in. They join again
// only if an admin reactivates them and they accept an invitation. API keys that they own keep working, and get a new
// owner unless newOwnerID is empty, as in DeactivateMemberWith. It returns the number of these keys, and
// FailedPrecondition for the last admin.
func (s *Store) LeaveWorkspace(ctx context.Context, workspaceID, memberID, newOwnerID string) (assigned int, err error) {
	_, err = s.changeMember(ctx, workspaceID, memberID, func(tx *Store, member *Member) error {
		if member.DeactivatedAt != nil {
			return Errorf(Conflict, "You have already left this workspace.")
		}
		now, about := tx.now(), member.target()
		member.InvitedName, member.Pending, member.DeactivatedAt = member.Name(), true, &now
		if err := tx.updateMember(ctx, member); err != nil {
			return err
		}
		if err := tx.with(ctx).Model(&Member{}).Where("id = ?", member.ID).Update("pending", true).Error; err != nil {
			return fmt.Errorf("update member: %w", err)
		}
		if err := tx.with(ctx).Model(&Session{}).Where("user_id = ? AND workspace_id = ?", member.UserID, workspaceID).Update("workspace_id", nil).Error; err != nil {
			return fmt.Errorf("move sessions: %w", err)
		}
		if err := tx.removeAccess(ctx, member); err != nil {
			return err
		}
		if err := tx.publish(ctx, workspaceID, MemberDeactivatedEvent, member.Wire()); err != nil {
			return err
		}
		if err := tx.audit(ctx, workspaceID, "member.left", about, nil); err != nil {
			return err
		}
		assigned, _, err = tx.depart(ctx, workspaceID, memberID, Departure{NewOwnerID: newOwnerID})
		return err
	})
	if errors.Is(err, errLastAdmin) {
		return 0, errLastAdminLeaves
	}
	return assigned, err
}

// CreateAnotherWorkspace creates a live workspace whose only admin is an admin of another one. Only admins may
// do that, because a server that protects an API accepts the keys of all workspaces. It returns Forbidden
// for anyone else.
func (s *Store) CreateAnotherWorkspace(ctx context.Context, workspaceID, adminID, name string) (workspace *Workspace, err error) {
	fields := Fields{}
	workspace = &Workspace{ID: s.id("ws"), Name: checkName(fields, "name", name), Mode: token.Live, SeatCapacity: DefaultSeatCapacity, KeyPolicy: DefaultKeyPolicy}
	if err := fields.err(); err != nil {
		return nil, err
	}
	err = s.Tx(ctx, func(tx *Store) error {
		admin, err := tx.Member(ctx, workspaceID, adminID)
		switch {
		case err != nil:
			return err
		case !admin.IsAdmin():
			return Errorf(Forbidden, "Only admins can create a workspace.")
		}
		if err := tx.with(ctx).Create(workspace).Error; err != nil {
			return fmt.Errorf("insert workspace: %w", err)
		}
		if _, err := tx.insertMember(asPerson(ctx), &Member{WorkspaceID: workspace.ID, User: admin.User, Role: Admin}); err != nil {
			return err
		}
		return tx.auditWorkspace(asPerson(ctx), workspace.ID, "workspace.created", workspace)
	})
	if err != nil {
		return nil, err
	}
	return workspace, nil
}
