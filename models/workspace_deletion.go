package models

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// WorkspaceKept is how long a deleted workspace can be restored. Then everything in it is removed.
const WorkspaceKept = 30 * 24 * time.Hour

// ofPresentWorkspace is the condition for rows of workspaces that aren't deleted.
const ofPresentWorkspace = "workspace_id IN (SELECT id FROM workspaces WHERE deleted_at IS NULL)"

// RemovedAt returns when a deleted workspace is removed with everything in it, or nil for any other.
func (w *Workspace) RemovedAt() *time.Time {
	if w.DeletedAt == nil {
		return nil
	}
	at := w.DeletedAt.Add(WorkspaceKept)
	return &at
}

// DeletionChallenge returns what must be entered to delete the workspace.
func (w *Workspace) DeletionChallenge() Challenge { return Challenge{Name: w.Name} }

// DeleteWorkspace deletes a workspace, and its test workspace. When it returns, every node rejects their keys,
// and no webhooks, reminders, or scheduled deletions are left to run. Members no longer see it. RestoreWorkspace
// undoes it until PurgeDeletedWorkspaces removes everything. Its admins get an email about both. It returns Invalid unless c answers the
// DeletionChallenge.
func (s *Store) DeleteWorkspace(ctx context.Context, id string, c Confirmation) error {
	now, err := s.databaseNow(ctx)
	if err != nil {
		return err
	}
	_, err = s.changeKeys(ctx, func(tx *Store) ([]*APIKey, error) {
		workspace, err := tx.lockWorkspace(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := workspace.DeletionChallenge().check(c); err != nil {
			return nil, err
		}
		keys, err := tx.markWorkspaceDeleted(ctx, workspace, now)
		if err != nil {
			return nil, err
		}
		if err := tx.emailAdmins(ctx, WorkspaceDeletedEmail, id); err != nil {
			return nil, err
		}
		test, err := tx.TestWorkspace(ctx, id)
		if IsKind(err, NotFound) {
			return keys, tx.detachTestWorkspace(ctx, workspace)
		}
		if err != nil {
			return nil, err
		}
		testKeys, err := tx.markWorkspaceDeleted(asPerson(ctx), test, now)
		return append(keys, testKeys...), err
	})
	return err
}

// detachTestWorkspace lets a live workspace have another test workspace after its test one was deleted alone.
func (s *Store) detachTestWorkspace(ctx context.Context, test *Workspace) error {
	err := s.with(ctx).Model(&Workspace{}).Where("id = ? AND live_workspace_id IS NOT NULL", test.ID).Update("live_workspace_id", nil).Error
	if err != nil {
		return fmt.Errorf("detach test workspace: %w", err)
	}
	return nil
}

// markWorkspaceDeleted hides a workspace, pauses its keys until someone resumes them, and stops what runs in
// it. It returns the keys.
func (s *Store) markWorkspaceDeleted(ctx context.Context, workspace *Workspace, now time.Time) ([]*APIKey, error) {
	actor, err := s.actor(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := s.lockKeysOf(ctx, workspace.ID)
	if err != nil {
		return nil, err
	}
	of := map[string]any{"workspace": workspace.ID, "now": s.now(), "deleted": now, "forever": noResume, "by": actor.Name, "manual": DisabledManually}
	for _, statement := range []string{
		"UPDATE workspaces SET deleted_at = @deleted, updated_at = @now WHERE id = @workspace",
		"UPDATE api_keys SET paused_at = CASE WHEN paused_until > @now THEN paused_at ELSE @now END, paused_until = @forever, paused_by_name = @by, " +
			"delete_at = NULL, delete_at_by_name = '', updated_at = @now " +
			"WHERE workspace_id = @workspace AND deleted_at IS NULL AND NOT coalesce(" + isScheduledSQL + ", false)",
		"UPDATE webhook_endpoints SET disabled_at = @now, disabled_reason = @manual, updated_at = @now WHERE workspace_id = @workspace AND disabled_at IS NULL",
		"UPDATE sessions SET workspace_id = NULL WHERE workspace_id = @workspace",
		"DELETE FROM invitations WHERE member_id IN (SELECT id FROM members WHERE workspace_id = @workspace)",
		"DELETE FROM expiry_mails WHERE member_id IN (SELECT id FROM members WHERE workspace_id = @workspace)",
	} {
		if err := s.with(ctx).Exec(statement, of).Error; err != nil {
			return nil, fmt.Errorf("delete workspace: %w", err)
		}
	}
	return keys, s.audit(ctx, workspace.ID, "workspace.deleted", workspace.target(),
		map[string]string{"keys": strconv.Itoa(len(keys)), "removed_at": now.Add(WorkspaceKept).Format(time.RFC3339)})
}

// lockKeysOf locks all keys of a workspace that aren't deleted, and returns their IDs.
func (s *Store) lockKeysOf(ctx context.Context, workspaceID string) ([]*APIKey, error) {
	var keys []*APIKey
	err := s.with(ctx).Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Select("id").
		Where("workspace_id = ? AND deleted_at IS NULL", workspaceID).Order("id").Find(&keys).Error
	if err != nil {
		return nil, fmt.Errorf("lock API keys: %w", err)
	}
	return keys, nil
}

// RestoreWorkspace restores a deleted workspace within WorkspaceKept, with the test workspace that was deleted
// with it. Its keys stay paused and its webhook endpoints disabled, because no one may rely on them anymore:
// admins resume and enable those that they still need. It returns FailedPrecondition for a workspace that
// isn't deleted, or for which it is too late.
func (s *Store) RestoreWorkspace(ctx context.Context, id string) (restored *Workspace, err error) {
	now, err := s.databaseNow(ctx)
	if err != nil {
		return nil, err
	}
	// In changeKeys, so that no node goes on rejecting keys as unknown that are only paused.
	_, err = s.changeKeys(ctx, func(tx *Store) (keys []*APIKey, err error) {
		var deleted []Workspace
		if err := tx.with(ctx).Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Where("id = ? OR live_workspace_id = ?", id, id).
			Order("live_workspace_id IS NOT NULL, id").Find(&deleted).Error; err != nil {
			return nil, fmt.Errorf("read deleted workspaces: %w", err)
		}
		if err := tx.checkRestorable(ctx, deleted, id, now); err != nil {
			return nil, err
		}
		for i := range deleted {
			if err := tx.with(ctx).Model(&deleted[i]).Updates(map[string]any{"deleted_at": nil}).Error; err != nil {
				return nil, fmt.Errorf("restore workspace: %w", err)
			}
			of, err := tx.lockKeysOf(ctx, deleted[i].ID)
			if err != nil {
				return nil, err
			}
			keys = append(keys, of...)
			if err := tx.auditWorkspace(ctx, deleted[i].ID, "workspace.restored", &deleted[i]); err != nil {
				return nil, err
			}
		}
		restored = &deleted[0]
		return keys, tx.emailAdmins(ctx, WorkspaceRestoredEmail, id)
	})
	if err != nil {
		return nil, err
	}
	restored.DeletedAt = nil
	return restored, nil
}

// checkRestorable checks that the first of the given workspaces has an ID and can be restored.
func (s *Store) checkRestorable(ctx context.Context, deleted []Workspace, id string, now time.Time) error {
	switch {
	case len(deleted) == 0 || deleted[0].ID != id:
		return notFound(gorm.ErrRecordNotFound, "workspace")
	case deleted[0].DeletedAt == nil:
		return Errorf(FailedPrecondition, "This workspace isn't deleted.")
	case !now.Before(*deleted[0].RemovedAt()):
		return Errorf(FailedPrecondition, "This workspace was deleted more than 30 days ago. It can no longer be restored.")
	case deleted[0].LiveWorkspaceID == nil:
		return nil
	}
	if _, err := s.Workspace(ctx, *deleted[0].LiveWorkspaceID); !IsKind(err, NotFound) {
		return err
	}
	return Errorf(FailedPrecondition, "This test workspace was deleted with its live workspace. Restore %s, which restores both.", *deleted[0].LiveWorkspaceID)
}

// WorkspaceSummary is a workspace with the sizes of what is in it.
type WorkspaceSummary struct {
	Workspace `gorm:"embedded"`
	Members   int64 // active ones
	Keys      int64 // that aren't deleted
}

// WorkspaceSummaries returns all workspaces, including deleted ones that aren't removed yet, oldest first.
func (s *Store) WorkspaceSummaries(ctx context.Context) ([]WorkspaceSummary, error) {
	var summaries []WorkspaceSummary
	if err := s.summaries(ctx).Order("id").Find(&summaries).Error; err != nil {
		return nil, fmt.Errorf("read workspaces: %w", err)
	}
	return summaries, nil
}

// WorkspaceSummary returns a workspace that isn't deleted.
func (s *Store) WorkspaceSummary(ctx context.Context, id string) (*WorkspaceSummary, error) {
	var summary WorkspaceSummary
	if err := s.summaries(ctx).Where("id = ? AND deleted_at IS NULL", id).Take(&summary).Error; err != nil {
		return nil, notFound(err, "workspace")
	}
	return &summary, nil
}

func (s *Store) summaries(ctx context.Context) *gorm.DB {
	return s.with(ctx).Table("workspaces").Select(columnsOf(Workspace{}, "workspaces") + `,
		(SELECT count(*) FROM members WHERE workspace_id = workspaces.id AND deactivated_at IS NULL AND NOT pending) AS members,
		(SELECT count(*) FROM api_keys WHERE workspace_id = workspaces.id AND deleted_at IS NULL) AS keys`)
}
