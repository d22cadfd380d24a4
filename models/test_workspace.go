package models

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"github.com/skipup/keys/models/token"
)

// A live workspace can have one test workspace beside it. They share nothing but the admins of the live one
// when the test one is created, and the right of later admins to join it.

// ErrTestWorkspace is returned for a test workspace, which has no test workspace beside it.
var ErrTestWorkspace = Errorf(FailedPrecondition, "This is a test workspace already. Switch to a live workspace first.")

// TestWorkspace returns the test workspace of a live one. It returns NotFound if there is none.
func (s *Store) TestWorkspace(ctx context.Context, liveID string) (*Workspace, error) {
	var workspace Workspace
	if err := s.with(ctx).Where("live_workspace_id = ?", liveID).Take(&workspace).Error; err != nil {
		return nil, notFound(err, "workspace")
	}
	return &workspace, nil
}

// OpenTestWorkspace makes an admin of a live workspace an admin of its test workspace, and returns it. The
// first call creates it with a name, and makes all other admins its admins, too; later calls ignore the
// name. It returns Forbidden unless adminID is an active admin, and FailedPrecondition for a test
// workspace, and if the admin's membership of the test workspace is deactivated or pending.
func (s *Store) OpenTestWorkspace(ctx context.Context, liveID, adminID, name string) (test *Workspace, err error) {
	err = s.Tx(ctx, func(tx *Store) error {
		live, err := tx.lockWorkspace(ctx, liveID)
		if err != nil {
			return err
		}
		admin, err := tx.Member(ctx, liveID, adminID)
		switch {
		case err != nil:
			return err
		case !admin.IsAdmin():
			return Errorf(Forbidden, "Only admins can create a test workspace.")
		case live.IsTest():
			return ErrTestWorkspace
		}
		test, err = tx.TestWorkspace(ctx, liveID)
		if IsKind(err, NotFound) {
			test, err = tx.createTestWorkspace(ctx, live, name)
			return err
		}
		if err != nil {
			return err
		}
		return tx.joinTestWorkspace(asPerson(ctx), test, &admin.User)
	})
	if err != nil {
		return nil, err
	}
	return test, nil
}

// asPerson returns a context for changes to another workspace than the actor's, which doesn't know the ID of
// the actor.
func asPerson(ctx context.Context) context.Context {
	actor := ActorOf(ctx)
	actor.ID = ""
	return WithActor(ctx, actor)
}

func (s *Store) createTestWorkspace(ctx context.Context, live *Workspace, name string) (*Workspace, error) {
	fields := Fields{}
	test := &Workspace{
		ID: s.id("ws"), Name: checkName(fields, "name", name), Mode: token.Test, LiveWorkspaceID: &live.ID, SeatCapacity: DefaultSeatCapacity,
		KeyPolicy: live.KeyPolicy,
	}
	if err := fields.err(); err != nil {
		return nil, err
	}
	if err := s.with(ctx).Create(test).Error; err != nil {
		return nil, fmt.Errorf("insert workspace: %w", err)
	}
	admins, err := s.AdminsOf(ctx, live.ID)
	if err != nil {
		return nil, err
	}
	for _, admin := range admins {
		if _, err := s.insertMember(asPerson(ctx), &Member{WorkspaceID: test.ID, User: admin.User, Role: Admin}); err != nil {
			return nil, err
		}
	}
	return test, errors.Join(
		s.auditWorkspace(ctx, live.ID, "workspace.test_created", test),
		s.auditWorkspace(asPerson(ctx), test.ID, "workspace.created", test),
	)
}

// AdminsOf returns the active admins of a workspace with their users, oldest first.
func (s *Store) AdminsOf(ctx context.Context, workspaceID string) ([]Member, error) {
	var admins []Member
	err := s.with(ctx).Joins("User").Order("members.id").
		Where("members.workspace_id = ? AND members.role = ? AND members.deactivated_at IS NULL AND NOT members.pending", workspaceID, Admin).
		Find(&admins).Error
	if err != nil {
		return nil, fmt.Errorf("read admins: %w", err)
	}
	return admins, nil
}

func (s *Store) joinTestWorkspace(ctx context.Context, test *Workspace, user *User) error {
	var member Member
	err := s.with(ctx).Where("workspace_id = ? AND user_id = ?", test.ID, user.ID).Take(&member).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		_, err = s.insertMember(ctx, &Member{WorkspaceID: test.ID, User: *user, Role: Admin})
		return err
	case err != nil:
		return fmt.Errorf("read member: %w", err)
	case member.DeactivatedAt != nil:
		return Errorf(FailedPrecondition, "Your membership of the test workspace is deactivated. Ask one of its admins to reactivate you.")
	case member.Pending:
		return Errorf(FailedPrecondition, "You have an invitation to the test workspace. Open its link to join.")
	}
	return nil
}
