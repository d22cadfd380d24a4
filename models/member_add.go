package models

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// NewMember is a person to add to a workspace.
type NewMember struct {
	Email string
	Name  string // optional; shown until the person joins
	Role  Role   // Viewer if empty
}

func (n *NewMember) check() error {
	fields := Fields{}
	n.Email = checkEmail(fields, "email", n.Email)
	if n.Name != "" {
		n.Name = checkName(fields, "name", n.Name)
	}
	if n.Role == "" {
		n.Role = Viewer
	}
	checkRole(fields, n.Role)
	return fields.err()
}

func checkRole(fields Fields, role Role) {
	if role.rank() < 0 {
		fields.add("role", "%s", OneOf(role, Roles))
	}
}

// AddMember adds a person to a workspace and emails an invitation, if this server sends email. A
// new member is pending until they accept it. That includes people with an account, because the
// person who set its password with another workspace's link might be someone else.
// A deactivated member is reactivated with the given role, but never with a higher one than before. It
// returns Invalid for the email of an active member, Forbidden as ReactivateMember does, and RateLimited
// after too many emails.
func (s *Store) AddMember(ctx context.Context, workspaceID string, n NewMember) (*Member, error) {
	if err := n.check(); err != nil {
		return nil, err
	}
	var member *Member
	err := s.Tx(ctx, func(tx *Store) error {
		if err := tx.requireAuthority(ctx, n.Role); err != nil {
			return err
		}
		user, err := tx.userByEmail(ctx, n.Email)
		if errors.Is(err, gorm.ErrRecordNotFound) {
			user, err = tx.insertUser(ctx, &User{Email: n.Email})
		}
		if err != nil {
			return err
		}
		if member, err = tx.addUser(ctx, workspaceID, user, n); err != nil {
			return err
		}
		return tx.inviteByEmail(ctx, member)
	})
	if err != nil {
		return nil, err
	}
	return member, nil
}

// addUser adds a user to a workspace as n says. It locks the workspace, so that concurrent calls add one
// member.
func (s *Store) addUser(ctx context.Context, workspaceID string, user *User, n NewMember) (*Member, error) {
	if _, err := s.lockWorkspace(ctx, workspaceID); err != nil {
		return nil, err
	}
	var member Member
	err := s.with(ctx).Where("workspace_id = ? AND user_id = ?", workspaceID, user.ID).Take(&member).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return s.insertMember(ctx, &Member{WorkspaceID: workspaceID, User: *user, Role: n.Role, Pending: true, InvitedName: n.Name})
	case err != nil:
		return nil, fmt.Errorf("read member: %w", err)
	case member.DeactivatedAt == nil:
		return nil, Fields{"email": "belongs to someone who is already a member"}.err()
	}
	if err := s.requireAuthority(ctx, member.Role); err != nil {
		return nil, err
	}
	member.User = *user
	member.Role = member.Role.lower(n.Role)
	if member.Pending && n.Name != "" {
		member.InvitedName = n.Name
	}
	return &member, s.activate(ctx, &member)
}

// insertMember inserts a member, whose user must be loaded.
func (s *Store) insertMember(ctx context.Context, member *Member) (*Member, error) {
	member.ID, member.UserID = s.id("mem"), member.User.ID
	if err := s.with(ctx).Omit(clause.Associations).Create(member).Error; err != nil {
		return nil, fmt.Errorf("insert member: %w", err)
	}
	if err := s.publish(ctx, member.WorkspaceID, MemberAddedEvent, member.Wire()); err != nil {
		return nil, err
	}
	return member, s.audit(ctx, member.WorkspaceID, "member.added", member.target(), map[string]string{"role": string(member.Role)})
}
