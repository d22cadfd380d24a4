package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

// expiryEmail is an API key whose expiry someone has yet to be emailed about.
type expiryEmail struct {
	MemberID  string
	APIKeyID  string
	ExpiresAt time.Time // the key's expiry when the email was requested
	DueAt     time.Time
	Attempts  int
}

// TableName returns the table that was created before the word "email" was used throughout.
func (expiryEmail) TableName() string { return "expiry_mails" }

// addExpiryEmails requests an email to everyone who can manage the key, if this server sends email.
func (s *Store) addExpiryEmails(ctx context.Context, key *APIKey) error {
	if !s.sendsEmail {
		return nil
	}
	now, err := s.databaseNow(ctx)
	if err != nil {
		return err
	}
	var managers []Member
	err = s.with(ctx).Where("workspace_id = ? AND role IN ? AND deactivated_at IS NULL AND NOT pending", key.WorkspaceID, rolesWith(ManageKeys)).Find(&managers).Error
	if err != nil {
		return fmt.Errorf("read members to email: %w", err)
	}
	replace := clause.OnConflict{Columns: []clause.Column{{Name: "member_id"}, {Name: "api_key_id"}}, UpdateAll: true}
	for _, manager := range managers {
		row := expiryEmail{MemberID: manager.ID, APIKeyID: key.ID, ExpiresAt: *key.ExpiresAt, DueAt: now}
		if err := s.with(ctx).Clauses(replace).Create(&row).Error; err != nil {
			return fmt.Errorf("request expiry email: %w", err)
		}
	}
	return nil
}

// prepareExpiryEmail reads the keys to list. Keys that were deleted or given another expiry since
// are left out, and someone who can no longer manage keys, or has turned these emails off, gets none.
func (s *Store) prepareExpiryEmail(ctx context.Context, email *Email) (bool, error) {
	if err := s.addressToMember(ctx, email); err != nil {
		return false, err
	}
	err := s.with(ctx).Where(`workspace_id = ? AND deleted_at IS NULL AND expires_at > ? AND EXISTS (
		SELECT 1 FROM expiry_mails AS mail WHERE mail.api_key_id = api_keys.id AND mail.member_id = ? AND mail.due_at = ? AND mail.expires_at = api_keys.expires_at)`,
		email.Member.WorkspaceID, s.now(), email.Member.ID, email.claimedUntil).Order("expires_at, id").Find(&email.ExpiringKeys).Error
	if err != nil {
		return false, fmt.Errorf("read API keys to email about: %w", err)
	}
	return len(email.ExpiringKeys) > 0 && email.Member.May(ManageKeys) && email.Member.User.WantsEmail(KeyExpiringNotice), nil
}
