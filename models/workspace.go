package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// Workspace is a team with its members and keys. Nothing of one is visible in another.
type Workspace struct {
	ID           string
	Name         string
	SeatCapacity int // how many members may hold a seat
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// NewWorkspace is a workspace to be made, with its first admin.
type NewWorkspace struct {
	Name       string
	AdminEmail string
	AdminName  string
	Password   string
}

// check complains about what is wrong. Whether the address has an account already is not
// known here: a new account needs a password, an existing one keeps its own.
func (n *NewWorkspace) check(fields Fields) {
	checkName(fields, "workspace", n.Name)
	checkName(fields, "name", n.AdminName)
	n.AdminEmail = checkEmail(fields, "email", n.AdminEmail)
}

// Workspace returns a workspace, or NotFound.
func (s *Store) Workspace(ctx context.Context, id string) (*Workspace, error) {
	var workspace Workspace
	err := s.with(ctx).Where("id = ?", id).Take(&workspace).Error
	if err != nil {
		return nil, notFound(err, "workspace")
	}
	return &workspace, nil
}

// CreateWorkspace makes a workspace and its first admin. If the address has an account, that
// person becomes the admin and keeps name and password; else an account is made with those of n,
// also for who was invited elsewhere and has not joined. What they were invited to still waits.
func (s *Store) CreateWorkspace(ctx context.Context, n NewWorkspace) (*Workspace, *Member, error) {
	return s.makeWorkspace(ctx, n, func(tx *Store) error {
		_, err := tx.claimInstallation(ctx)
		return err
	})
}

// makeWorkspace makes a workspace in one transaction, unless claim, which begins it, refuses.
func (s *Store) makeWorkspace(ctx context.Context, n NewWorkspace, claim func(tx *Store) error) (workspace *Workspace, member *Member, err error) {
	hash, err := s.hashForNewUser(ctx, &n)
	if err != nil {
		return nil, nil, err
	}
	err = s.Tx(ctx, func(tx *Store) (err error) {
		if err := claim(tx); err != nil {
			return err
		}
		workspace, member, err = tx.insertWorkspace(ctx, n, hash)
		return err
	})
	return workspace, member, err
}

// hashForNewUser checks n and hashes the password, before the transaction because it takes
// long. It is empty if the address has an account.
func (s *Store) hashForNewUser(ctx context.Context, n *NewWorkspace) (string, error) {
	fields := Fields{}
	n.check(fields)
	exists, err := s.HasAccount(ctx, n.AdminEmail)
	if err != nil {
		return "", err
	}
	if exists {
		return "", fields.err()
	}
	checkPassword(fields, "password", n.Password, n.AdminEmail, n.AdminName, n.Name)
	if err := fields.err(); err != nil {
		return "", err
	}
	return s.passwords.hash(ctx, n.Password)
}

func (s *Store) insertWorkspace(ctx context.Context, n NewWorkspace, passwordHash string) (*Workspace, *Member, error) {
	workspace := &Workspace{ID: s.id("ws"), Name: n.Name, SeatCapacity: DefaultSeatCapacity}
	if err := s.with(ctx).Create(workspace).Error; err != nil {
		return nil, nil, fmt.Errorf("insert workspace: %w", err)
	}
	user, err := s.userByEmail(ctx, n.AdminEmail)
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		user, err = s.insertUser(ctx, n.AdminEmail, n.AdminName, passwordHash)
	case err == nil && user.PasswordHash == "":
		err = s.openAccount(ctx, user, n.AdminName, passwordHash)
	}
	if err != nil {
		return nil, nil, err
	}
	member, err := s.insertMember(ctx, &Member{WorkspaceID: workspace.ID, User: *user, Role: Admin})
	if err != nil {
		return nil, nil, err
	}
	if err := s.audit(ctx, workspace.ID, "workspace.created", target{"workspace", workspace.ID, workspace.Name}, nil); err != nil {
		return nil, nil, err
	}
	return workspace, member, nil
}
