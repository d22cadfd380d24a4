package models

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/skipup/keys/models/token"
)

// Workspace is a team with its members and API keys. Workspaces are isolated from each other.
type Workspace struct {
	ID              string
	Name            string
	Mode            token.Mode // of its API keys; never changes
	LiveWorkspaceID *string    // of a test workspace, the live one that it was created beside, if any
	SeatCapacity    int        // maximum number of seats
	KeyPolicy       KeyPolicy  `gorm:"embedded"`
	DeletedAt       *time.Time // by the database's clock; nil unless the workspace is deleted
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// IsTest reports whether the API keys of the workspace are test keys.
func (w *Workspace) IsTest() bool { return w.Mode == token.Test }

// NewWorkspace is a workspace to create, with its first admin.
type NewWorkspace struct {
	Name       string
	Mode       token.Mode // token.Live if empty
	AdminEmail string
	AdminName  string
	Password   string // of a new account; must be empty if the admin has one
	// ExistingAccount says that the email's account belongs to the admin, although its email is not
	// proven. Without an account, it is an error.
	ExistingAccount bool
}

// check checks everything but the password, which isn't needed if the admin has an account.
func (n *NewWorkspace) check(fields Fields) {
	n.Name = checkName(fields, "workspace", n.Name)
	n.AdminName = checkName(fields, "name", n.AdminName)
	n.AdminEmail = checkEmail(fields, "email", n.AdminEmail)
}

// Workspace returns a workspace that isn't deleted.
func (s *Store) Workspace(ctx context.Context, id string) (*Workspace, error) {
	var workspace Workspace
	err := s.with(ctx).Where("id = ? AND deleted_at IS NULL", id).Take(&workspace).Error
	if err != nil {
		return nil, notFound(err, "workspace")
	}
	return &workspace, nil
}

// Workspaces returns all workspaces that aren't deleted, oldest first.
func (s *Store) Workspaces(ctx context.Context) ([]Workspace, error) {
	var workspaces []Workspace
	if err := s.with(ctx).Where("deleted_at IS NULL").Order("id").Find(&workspaces).Error; err != nil {
		return nil, fmt.Errorf("read workspaces: %w", err)
	}
	return workspaces, nil
}

// lockWorkspace returns a workspace that isn't deleted, and prevents concurrent transactions from deleting it, and
// from changing or counting its members and seats. Rows that refer to the workspace can still be inserted.
func (s *Store) lockWorkspace(ctx context.Context, id string) (*Workspace, error) {
	var workspace Workspace
	err := s.with(ctx).Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Where("id = ? AND deleted_at IS NULL", id).Take(&workspace).Error
	if err != nil {
		return nil, notFound(err, "workspace")
	}
	return &workspace, nil
}

// CreateWorkspace creates a workspace and its first admin. If a user with the email has an account,
// they become the admin and keep their name and password. If the email of that account is not proven,
// someone else might have created it with a copied link: unless n says that the account is the admin's,
// the admin is pending until they accept an invitation. Without an account, one is created. Pending
// invitations to other workspaces stay.
func (s *Store) CreateWorkspace(ctx context.Context, n NewWorkspace) (*Workspace, *Member, error) {
	return s.createWorkspace(ctx, n, func(tx *Store) error {
		_, err := tx.claimInstallation(ctx)
		return err
	})
}

// createWorkspace creates a workspace in a transaction that begins with claim.
func (s *Store) createWorkspace(ctx context.Context, n NewWorkspace, claim func(tx *Store) error) (workspace *Workspace, member *Member, err error) {
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

// hashForNewUser checks n and hashes the password. It runs before the transaction because it takes
// long. It returns an empty hash if the email has an account.
func (s *Store) hashForNewUser(ctx context.Context, n *NewWorkspace) (string, error) {
	fields := Fields{}
	n.check(fields)
	exists, err := s.HasAccount(ctx, n.AdminEmail)
	if err != nil {
		return "", err
	}
	if exists {
		if n.Password != "" {
			fields.add("password", "would be ignored: the email belongs to an account, which keeps its password. Provide none")
		}
		return "", fields.err()
	}
	if n.ExistingAccount && fields["email"] == "" {
		fields.add("email", "must belong to an account")
	}
	checkPassword(fields, "password", n.Password, n.AdminEmail, n.AdminName, n.Name)
	if err := fields.err(); err != nil {
		return "", err
	}
	return s.passwords.hash(ctx, n.Password)
}

func (s *Store) insertWorkspace(ctx context.Context, n NewWorkspace, passwordHash string) (*Workspace, *Member, error) {
	workspace := &Workspace{ID: s.id("ws"), Name: n.Name, Mode: cmp.Or(n.Mode, token.Live), SeatCapacity: DefaultSeatCapacity, KeyPolicy: DefaultKeyPolicy}
	if err := s.with(ctx).Create(workspace).Error; err != nil {
		return nil, nil, fmt.Errorf("insert workspace: %w", err)
	}
	now := s.now()
	user, err := s.userByEmail(ctx, n.AdminEmail)
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		user, err = s.insertUser(ctx, &User{Email: n.AdminEmail, Name: n.AdminName, PasswordHash: passwordHash, VerifiedAt: &now})
	case err == nil && user.PasswordHash == "":
		err = s.openAccount(ctx, user, n.AdminName, passwordHash, &now)
	}
	if err != nil {
		return nil, nil, err
	}
	admin := &Member{WorkspaceID: workspace.ID, User: *user, Role: Admin}
	if user.VerifiedAt == nil && !n.ExistingAccount {
		admin.Pending, admin.InvitedName = true, n.AdminName
	}
	member, err := s.insertMember(ctx, admin)
	if err != nil {
		return nil, nil, err
	}
	if err := s.auditWorkspace(ctx, workspace.ID, "workspace.created", workspace); err != nil {
		return nil, nil, err
	}
	return workspace, member, nil
}

// auditWorkspace records an event about w in the audit log of a workspace.
func (s *Store) auditWorkspace(ctx context.Context, workspaceID, action string, w *Workspace) error {
	return s.audit(ctx, workspaceID, action, w.target(), map[string]string{"mode": string(w.Mode)})
}

func (w *Workspace) target() target { return target{"workspace", w.ID, w.Name} }
