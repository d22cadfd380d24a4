package models

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// workspaceTables lists the tables with rows of a workspace, in the order in which they can be deleted, each with
// the condition for these rows.
var workspaceTables = []struct{ name, where string }{
	{"webhook_deliveries", ofWorkspace},
	{"webhook_secrets", "endpoint_id IN (SELECT id FROM webhook_endpoints WHERE workspace_id = @workspace)"},
	{"webhook_endpoints", ofWorkspace},
	{"events", ofWorkspace},
	{"api_key_usage_hours", ofWorkspace},
	{"api_key_usage_days", ofWorkspace},
	{"api_key_callers", ofWorkspace},
	{"api_key_route_uses", ofWorkspace},
	{"idempotent_answers", ofKeysOfWorkspace},
	{"expiry_mails", ofKeysOfWorkspace},
	{"expiry_reminders", ofKeysOfWorkspace},
	{"new_callers", ofKeysOfWorkspace},
	{"api_keys", ofWorkspace},
	{"meeting_request_participants", ofWorkspace},
	{"meeting_requests", ofWorkspace},
	{"seats", ofWorkspace},
	{"invitations", "member_id IN (SELECT id FROM members WHERE workspace_id = @workspace)"},
	{"notification_emails", "member_id IN (SELECT id FROM members WHERE workspace_id = @workspace)"},
	{"notifications", ofWorkspace},
	{"account_emails", ofWorkspace},
	{"node_tokens", ofWorkspace},
	{"members", ofWorkspace},
	{"audit_events", ofWorkspace},
}

const (
	ofWorkspace       = "workspace_id = @workspace"
	ofKeysOfWorkspace = "api_key_id IN (SELECT id FROM api_keys WHERE workspace_id = @workspace)"
)

// PurgeDeletedWorkspaces removes the workspaces that were deleted WorkspaceKept ago, with everything in them. It
// deletes rows in batches. Several nodes may call it at the same time.
func (s *Store) PurgeDeletedWorkspaces(ctx context.Context) error {
	now, err := s.databaseNow(ctx)
	if err != nil {
		return err
	}
	var due []Workspace // test workspaces before their live ones
	if err := s.with(ctx).Where("deleted_at <= ?", now.Add(-WorkspaceKept)).Order("live_workspace_id IS NULL, id").Find(&due).Error; err != nil {
		return fmt.Errorf("read deleted workspaces: %w", err)
	}
	for i := range due {
		if err := s.purgeWorkspace(ctx, &due[i]); err != nil {
			return fmt.Errorf("purge workspace: %w", err)
		}
	}
	return nil
}

func (s *Store) purgeWorkspace(ctx context.Context, workspace *Workspace) error {
	of := map[string]any{"workspace": workspace.ID}
	for _, statement := range []string{
		// Rotated keys refer to each other.
		"UPDATE api_keys SET successor_id = NULL, predecessor_id = NULL, lineage_id = NULL WHERE workspace_id = @workspace AND (successor_id IS NOT NULL OR predecessor_id IS NOT NULL OR lineage_id IS NOT NULL)",
		"UPDATE sessions SET workspace_id = NULL WHERE workspace_id = @workspace",
	} {
		if err := s.with(ctx).Exec(statement, of).Error; err != nil {
			return err
		}
	}
	var invited []string // people without an account
	err := s.with(ctx).Raw("SELECT user_id FROM members JOIN users ON users.id = members.user_id WHERE workspace_id = @workspace AND password_hash = '' AND verified_at IS NULL", of).Scan(&invited).Error
	if err != nil {
		return err
	}
	for _, table := range workspaceTables {
		if err := s.deleteInBatches(ctx, table.name, table.where, of); err != nil {
			return fmt.Errorf("%s: %w", table.name, err)
		}
	}
	of["invited"] = invited
	err = s.deleteInBatches(ctx, "users", "id IN @invited AND password_hash = '' AND verified_at IS NULL AND NOT EXISTS (SELECT 1 FROM members WHERE user_id = users.id)", of)
	if err != nil {
		return fmt.Errorf("users: %w", err)
	}
	return s.removeWorkspace(ctx, workspace)
}

// deleteInBatches deletes the rows of a table that match a condition, at most purgeBatchSize in a transaction.
func (s *Store) deleteInBatches(ctx context.Context, table, where string, args map[string]any) error {
	format := "DELETE FROM %[1]s WHERE ctid = ANY (ARRAY(SELECT ctid FROM %[1]s WHERE %[2]s LIMIT %[3]d))"
	if s.dialect.name == sqlite {
		format = "DELETE FROM %[1]s WHERE rowid IN (SELECT rowid FROM %[1]s WHERE %[2]s LIMIT %[3]d)"
	}
	statement := fmt.Sprintf(format, table, where, purgeBatchSize)
	for {
		deleted := s.with(ctx).Exec(statement, args)
		if deleted.Error != nil || deleted.RowsAffected < purgeBatchSize {
			return deleted.Error
		}
		if err := sleep(ctx, purgePause); err != nil {
			return err
		}
	}
}

var errRemoved = errors.New("another node has removed the workspace")

// removeWorkspace deletes the row of a workspace in which nothing is left, and records that with the end of its
// audit log, so that a copy of the log can still be checked.
func (s *Store) removeWorkspace(ctx context.Context, workspace *Workspace) error {
	err := s.Tx(ctx, func(tx *Store) error {
		chain, err := tx.lockAuditChain(ctx, workspace.ID)
		if err != nil {
			return err
		}
		if err := tx.with(ctx).Where("chain = ?", workspace.ID).Delete(&auditChain{}).Error; err != nil {
			return fmt.Errorf("delete audit chain: %w", err)
		}
		removed := tx.with(ctx).Where("id = ? AND deleted_at IS NOT NULL", workspace.ID).Delete(&Workspace{})
		switch {
		case removed.Error != nil:
			return fmt.Errorf("delete workspace: %w", removed.Error)
		case removed.RowsAffected == 0:
			return errRemoved
		}
		return tx.audit(asSystem(ctx), "", "workspace.removed", target{"workspace", workspace.ID, workspace.ID}, map[string]string{
			"deleted_at": workspace.DeletedAt.UTC().Format(time.RFC3339), "audit_events": strconv.FormatInt(chain.Seq, 10), "audit_head": hex.EncodeToString(chain.Hash),
		})
	})
	if errors.Is(err, errRemoved) {
		return nil
	}
	return err
}
