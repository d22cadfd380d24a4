package models

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/skipup/keys/models/wire"
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
	Pending       bool // has still to accept an invitation
	DeactivatedAt *time.Time
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// IsAdmin reports whether m may administer the workspace now.
func (m *Member) IsAdmin() bool { return m.Role == Admin && m.DeactivatedAt == nil && !m.Pending }

// Member returns a member of a workspace with its user filled in, deactivated ones too, or
// NotFound.
func (s *Store) Member(ctx context.Context, workspaceID, id string) (*Member, error) {
	var member Member
	err := s.with(ctx).Joins("User").Where("members.workspace_id = ? AND members.id = ?", workspaceID, id).Take(&member).Error
	if err != nil {
		return nil, notFound(err, "member")
	}
	return &member, nil
}

// DisplayName is what a member is called: the name, or the address where none is known.
func (m *Member) DisplayName() string { return cmp.Or(m.User.Name, m.User.Email) }

// Wire is m as the API and its events show it. Its user is filled in.
func (m *Member) Wire() wire.Member {
	return wire.Member{
		ID: m.ID, Email: m.User.Email, Name: optional(m.User.Name), Role: string(m.Role),
		DeactivatedAt: wire.OptionalTimestamp(m.DeactivatedAt), CreatedAt: wire.Timestamp(m.CreatedAt),
	}
}

func (m *Member) target() target { return target{"member", m.ID, m.DisplayName()} }

// MembershipsOf lists the workspaces that a user has joined and is active in, the oldest membership first,
// with user and workspace filled in.
func (s *Store) MembershipsOf(ctx context.Context, userID string) ([]Member, error) {
	var members []Member
	err := s.with(ctx).Joins("Workspace").Joins("User").
		Where("members.user_id = ? AND members.deactivated_at IS NULL AND NOT members.pending", userID).
		Order("members.id").
		Find(&members).Error
	if err != nil {
		return nil, fmt.Errorf("read memberships: %w", err)
	}
	return members, nil
}
