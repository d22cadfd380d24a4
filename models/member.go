package models

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/skipup/keys/models/wire"
)

// Member is a user in a workspace.
type Member struct {
	ID                 string
	WorkspaceID        string
	Workspace          Workspace
	UserID             string
	User               User
	Role               Role
	Pending            bool   // has not accepted the invitation yet
	InvitedName        string // the name that the workspace gave a pending member
	ReadNotificationID string // up to which the member has marked notifications as read
	DeactivatedAt      *time.Time
	ProviderRole       providerRoleState
	CreatedAt          time.Time
	UpdatedAt          time.Time
}

// May reports whether the member has a permission now.
func (m *Member) May(permission Permission) bool {
	return m.Role.May(permission) && m.DeactivatedAt == nil && !m.Pending
}

// IsAdmin reports whether the member may administer the workspace now.
func (m *Member) IsAdmin() bool { return m.May(ManageWorkspace) }

// requireAuthority returns Forbidden if a key that lacks a scope makes a change to a person with a role
// other than Viewer. Otherwise, a key that can add members could add someone who can create keys with
// scopes that it lacks.
func (s *Store) requireAuthority(ctx context.Context, role Role) error {
	if role == Viewer {
		return nil
	}
	key, err := s.actingKey(ctx)
	if err != nil || key == nil || key.Scopes.Contains(s.Scopes().Active()) {
		return err
	}
	return Errorf(Forbidden, "Only an API key with every scope can add or change an admin or a key manager. This API key lacks %s.", s.Scopes().Text(s.Scopes().Active().Without(key.Scopes)))
}

// requireAdminOfAll returns Forbidden unless a user is an admin of every workspace that a member has
// joined. Only then may they act on the member's account, which gives access to all of these workspaces.
// One in which the member is deactivated counts too, because a reactivation restores the access.
func (s *Store) requireAdminOfAll(ctx context.Context, adminUserID string, member *Member) error {
	if member.Pending {
		return Errorf(Forbidden, "This person hasn't joined the workspace yet.")
	}
	administered := s.activeAdmins(ctx).Select("workspace_id").Where("user_id = ?", adminUserID)
	var others int64
	err := s.with(ctx).Model(&Member{}).Where("user_id = ? AND NOT pending AND workspace_id NOT IN (?)", member.UserID, administered).Count(&others).Error
	if err != nil {
		return fmt.Errorf("count workspaces of member: %w", err)
	}
	if others > 0 {
		return Errorf(Forbidden, "This person also belongs to a workspace that you don't administer.")
	}
	return nil
}

// Member returns a member of a workspace, possibly deactivated, with its user.
func (s *Store) Member(ctx context.Context, workspaceID, id string) (*Member, error) {
	var member Member
	err := s.with(ctx).Joins("User").Where("members.workspace_id = ? AND members.id = ?", workspaceID, id).Take(&member).Error
	if err != nil {
		return nil, notFound(err, "member")
	}
	return &member, nil
}

// Name returns the name under which the workspace knows the member: the one it gave them until they join, and
// that of their account from then on. Otherwise, anyone could learn the name of an account by its email.
// The user must be loaded.
func (m *Member) Name() string {
	if m.Pending {
		return m.InvitedName
	}
	return m.User.Name
}

// nameOfMember is Member.Name as an expression for queries that join User.
const nameOfMember = `CASE WHEN members.pending THEN members.invited_name ELSE "User".name END`

// namedMember is Member.DisplayName as an expression for queries that join User.
const namedMember = "coalesce(nullif(" + nameOfMember + `, ''), "User".email)`

// ConfirmedName returns User.ConfirmedName of a member who has joined, and "" otherwise.
func (m *Member) ConfirmedName() string {
	if m.Pending {
		return ""
	}
	return m.User.ConfirmedName()
}

// DisplayName returns the member's name, or the email if there is no name.
func (m *Member) DisplayName() string { return cmp.Or(m.Name(), m.User.Email) }

// Wire returns the member as the API and events show it. The user must be loaded.
func (m *Member) Wire() wire.Member {
	return wire.Member{
		ID: m.ID, Email: m.User.Email, Name: optional(m.Name()), Role: m.Role.Wire(),
		DeactivatedAt: wire.OptionalTimestamp(m.DeactivatedAt), CreatedAt: wire.Timestamp(m.CreatedAt),
	}
}

func (m *Member) target() target { return target{"member", m.ID, m.DisplayName()} }

// MembershipsOf returns a user's active memberships in workspaces that aren't deleted, oldest first, with user and
// workspace.
func (s *Store) MembershipsOf(ctx context.Context, userID string) ([]Member, error) {
	var members []Member
	err := s.with(ctx).Joins("Workspace").Joins("User").
		Where(`members.user_id = ? AND members.deactivated_at IS NULL AND NOT members.pending AND "Workspace".deleted_at IS NULL`, userID).
		Order("members.id").
		Find(&members).Error
	if err != nil {
		return nil, fmt.Errorf("read memberships: %w", err)
	}
	return members, nil
}
