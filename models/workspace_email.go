package models

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
)

// emailAdmins requests an email to each admin of a workspace that was deleted or restored.
func (s *Store) emailAdmins(ctx context.Context, kind AccountEmailKind, workspaceID string) error {
	var admins []User
	ids := s.activeAdmins(ctx).Select("user_id").Where("workspace_id = ?", workspaceID)
	if err := s.with(ctx).Where("id IN (?)", ids).Order("id").Find(&admins).Error; err != nil {
		return fmt.Errorf("read admins: %w", err)
	}
	now, err := s.databaseNow(ctx)
	if err != nil {
		return err
	}
	rows := make([]accountEmail, len(admins))
	for i, admin := range admins {
		rows[i] = accountEmail{
			ID: s.id("eml"), Kind: kind, UserID: admin.ID, Recipient: admin.Email, WorkspaceID: workspaceID,
			CreatedAt: now, DueAt: now, ExpiresAt: now.Add(noticeLife),
		}
	}
	if err := s.with(ctx).CreateInBatches(rows, insertBatchSize).Error; err != nil {
		return fmt.Errorf("request emails to admins: %w", err)
	}
	return nil
}

// prepareWorkspaceEmail completes an email about a deleted or restored workspace. It reports false if the workspace is
// no longer in that state. Only someone who isn't a stranger learns who deleted it.
func (s *Store) prepareWorkspaceEmail(ctx context.Context, email *Email, workspaceID string) (bool, error) {
	var workspace Workspace
	err := s.with(ctx).Where("id = ?", workspaceID).Take(&workspace).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read workspace: %w", err)
	}
	email.Workspace = &workspace
	isDeleted := workspace.DeletedAt != nil
	if isDeleted != (email.Kind == WorkspaceDeletedEmail) {
		return false, nil
	}
	if !isDeleted || email.User.VerifiedAt == nil {
		return true, nil
	}
	var deletion AuditEvent
	err = s.with(ctx).Where(chained).Where("workspace_id = ? AND action = 'workspace.deleted'", workspaceID).Order("id DESC").Take(&deletion).Error
	if err != nil {
		return false, fmt.Errorf("read who deleted the workspace: %w", err)
	}
	email.By = deletion.ActorName
	return true, nil
}
