package models

import "time"

// expiryReminder is that a key's expiry was told of, at one of the thresholds.
type expiryReminder struct {
	APIKeyID     string `gorm:"primaryKey"`
	ExpiresAt    time.Time
	Days         int
	WorkspaceID  string
	MailDueAt    *time.Time
	MailAttempts int
	MailedAt     *time.Time
	CreatedAt    time.Time
}
