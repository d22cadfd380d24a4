package modelstest

import (
	"context"
	"testing"

	"github.com/skipup/keys/models"
)

// AddMember creates a user with Password as password who is a member, but not an admin, of workspace
// only. It bypasses the Store, which has no method for that.
func (s *Store) AddMember(t testing.TB, workspace *models.Workspace, email string) *models.Member {
	t.Helper()
	_, member := s.NewWorkspace(t, "Before "+email, email)
	s.Exec(t, "UPDATE members SET workspace_id = $1, role = 'member' WHERE id = $2", workspace.ID, member.ID)
	member.WorkspaceID, member.Role = workspace.ID, models.Viewer
	return member
}

// Exec executes a statement, bypassing the Store, for states that no method can create. Its
// parameters are $1, $2 and so on.
func (s *Store) Exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	if _, err := s.direct.Exec(statement, args...); err != nil {
		t.Fatal(err)
	}
}

// Begin executes statements in a transaction, as another node might, and returns a function that
// commits it.
func (s *Store) Begin(t testing.TB, statements ...string) (commit func()) {
	t.Helper()
	tx, err := s.direct.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := tx.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		t.Helper()
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
}

// RenameAPIKey changes the name of a key.
func (s *Store) RenameAPIKey(ctx context.Context, workspaceID, id, name string) error {
	_, err := s.UpdateAPIKey(ctx, workspaceID, id, models.KeyUpdate{Name: models.To(name)})
	return err
}
