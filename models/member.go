package models

import (
	"context"
	"fmt"
	"time"
)

// Role is what a member may do in the dashboard.
type Role string

// The roles.
const (
	Admin      Role = "admin"  // everything, API keys included
	RoleMember Role = "member" // nothing that changes the workspace
)

// Member is a user in a workspace.
type Member struct {
	ID            string
	WorkspaceID   string
	Workspace     Workspace
	UserID        string
	User          User
	Role          Role
	DeactivatedAt *time.Time
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// IsAdmin reports whether m may administer the workspace now.
func (m *Member) IsAdmin() bool { return m.Role == Admin && m.DeactivatedAt == nil }

// MembershipsOf lists the workspaces in which a user is active, the oldest membership first,
// with user and workspace filled in.
func (s *Store) MembershipsOf(ctx context.Context, userID string) ([]Member, error) {
	var members []Member
	err := s.with(ctx).Joins("Workspace").Joins("User").
		Where("members.user_id = ? AND members.deactivated_at IS NULL", userID).
		Order("members.id").
		Find(&members).Error
	if err != nil {
		return nil, fmt.Errorf("read memberships: %w", err)
	}
	return members, nil
}

func (s *Store) insertMember(ctx context.Context, workspaceID string, user *User, role Role) (*Member, error) {
	member := &Member{ID: s.id("mem"), WorkspaceID: workspaceID, UserID: user.ID, Role: role}
	if err := s.with(ctx).Omit("Workspace", "User").Create(member).Error; err != nil {
		return nil, fmt.Errorf("insert member: %w", err)
	}
	member.User = *user
	err := s.audit(ctx, workspaceID, "member.added", target{"member", member.ID, user.Name},
		map[string]string{"role": string(role)})
	return member, err
}
