package models

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// NewMember is a person to be added to a workspace.
type NewMember struct {
	Email string
	Name  string // may be empty; a person who has an account keeps its name
	Role  Role   // RoleMember if empty
}

func (n *NewMember) check() error {
	fields := Fields{}
	n.Email = checkEmail(fields, "email", n.Email)
	if n.Name != "" {
		checkName(fields, "name", n.Name)
	}
	if n.Role == "" {
		n.Role = RoleMember
	}
	checkRole(fields, n.Role)
	return fields.err()
}

func checkRole(fields Fields, role Role) {
	if role != Admin && role != RoleMember {
		fields.add("role", "must be admin or member")
	}
}

// AddMember adds a person to a workspace. Who is new there is pending until they accept an
// invitation, which is mailed if the Store has somebody who mails; else see InviteMember. That
// holds for a person with an account too: whoever was first to set its password, through the
// link of another workspace, need not be the person who is meant here. A person who was
// deactivated comes back, with the role that n says. The address of an active member is Invalid.
func (s *Store) AddMember(ctx context.Context, workspaceID string, n NewMember) (*Member, error) {
	if err := n.check(); err != nil {
		return nil, err
	}
	var member *Member
	err := s.Tx(ctx, func(tx *Store) error {
		user, err := tx.userByEmail(ctx, n.Email)
		if errors.Is(err, gorm.ErrRecordNotFound) {
			user, err = tx.insertUser(ctx, n.Email, n.Name, "")
		}
		if err != nil {
			return err
		}
		if member, err = tx.addUser(ctx, workspaceID, user, n.Role); err != nil {
			return err
		}
		return tx.inviteByEmail(ctx, member)
	})
	if err != nil {
		return nil, err
	}
	return member, nil
}

// addUser makes user a member. The workspace's lock keeps two from doing so at once.
func (s *Store) addUser(ctx context.Context, workspaceID string, user *User, role Role) (*Member, error) {
	if _, err := s.lockWorkspace(ctx, workspaceID); err != nil {
		return nil, err
	}
	var member Member
	err := s.with(ctx).Where("workspace_id = ? AND user_id = ?", workspaceID, user.ID).Take(&member).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return s.insertMember(ctx, &Member{WorkspaceID: workspaceID, User: *user, Role: role, Pending: true})
	case err != nil:
		return nil, fmt.Errorf("read member: %w", err)
	case member.DeactivatedAt == nil:
		return nil, Fields{"email": "is the address of a member of this workspace already"}.err()
	}
	member.User, member.Role = *user, role
	return &member, s.activate(ctx, &member)
}

// insertMember adds a row for the user of member.
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
