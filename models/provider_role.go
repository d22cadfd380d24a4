package models

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"gorm.io/gorm"
)

// ProviderRole gives the people in a group of the provider of single sign-on a role in a workspace.
type ProviderRole struct {
	Group       string
	Role        Role
	WorkspaceID string
}

// providerRoleState is what the provider of single sign-on says about a member's role.
type providerRoleState string

// The states. Without one, the role was given here.
const (
	roleGranted providerRoleState = "granted"
	roleLost    providerRoleState = "lost" // which deactivated the member
)

// rolesOf returns the highest role that groups give in each workspace.
func (s *Store) rolesOf(groups []string) map[string]Role {
	roles := map[string]Role{}
	for _, mapping := range s.providerRoles {
		if slices.Contains(groups, mapping.Group) && mapping.Role.rank() > roles[mapping.WorkspaceID].rank() {
			roles[mapping.WorkspaceID] = mapping.Role
		}
	}
	return roles
}

// applyRoles gives a user the roles that their groups at the provider have, and deactivates the memberships that only
// groups gave them and no longer do. A member whom an admin deactivated stays so, and the last admin of a workspace
// keeps their role.
func (s *Store) applyRoles(ctx context.Context, user *User, groups []string) error {
	ctx = asSystem(ctx)
	roles := s.rolesOf(groups)
	for _, mapping := range s.providerRoles {
		if _, given := roles[mapping.WorkspaceID]; !given {
			roles[mapping.WorkspaceID] = ""
		}
	}
	for _, workspaceID := range slices.Sorted(maps.Keys(roles)) {
		_, err := s.lockWorkspace(ctx, workspaceID)
		if IsKind(err, NotFound) { // it was deleted, or the setting is wrong
			s.log.Warn("a role for single sign-on is in an unknown workspace", "workspace", workspaceID)
			continue
		}
		if err == nil {
			err = s.applyRole(ctx, user, workspaceID, roles[workspaceID])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// applyRole gives a user a role in a locked workspace, or takes the one that the provider gave them if it is empty.
func (s *Store) applyRole(ctx context.Context, user *User, workspaceID string, role Role) error {
	var member Member
	err := s.with(ctx).Where("workspace_id = ? AND user_id = ?", workspaceID, user.ID).Take(&member).Error
	member.User = *user
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound) && role == "":
		return nil
	case errors.Is(err, gorm.ErrRecordNotFound):
		_, err := s.insertMember(ctx, &Member{WorkspaceID: workspaceID, User: *user, Role: role, ProviderRole: roleGranted})
		return err
	case err != nil:
		return fmt.Errorf("read member: %w", err)
	case role == "" && (member.ProviderRole != roleGranted || member.DeactivatedAt != nil):
		return nil
	case member.DeactivatedAt != nil && member.ProviderRole != roleLost:
		return nil
	}
	if member.IsAdmin() && role != Admin {
		has, err := s.hasAdmin(ctx, workspaceID, member.ID)
		if !has || err != nil {
			return err
		}
	}
	if role == "" {
		if _, err := s.DeactivateMember(ctx, workspaceID, member.ID); err != nil {
			return err
		}
		return s.setProviderRole(ctx, member.ID, roleLost)
	}
	if member.DeactivatedAt != nil {
		if err := s.activate(ctx, &member); err != nil {
			return err
		}
	}
	if member.Pending {
		if err := s.join(ctx, &member); err != nil {
			return err
		}
	}
	if member.Role != role {
		if _, err := s.ChangeMemberRole(ctx, workspaceID, member.ID, role); err != nil {
			return err
		}
	}
	return s.setProviderRole(ctx, member.ID, roleGranted)
}

func (s *Store) setProviderRole(ctx context.Context, memberID string, state providerRoleState) error {
	if err := s.with(ctx).Model(&Member{}).Where("id = ?", memberID).Update("provider_role", state).Error; err != nil {
		return fmt.Errorf("update member: %w", err)
	}
	return nil
}
