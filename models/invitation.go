package models

import "time"

// invitation is a link with which an added person sets a password, once.
type invitation struct {
	MemberID  string `gorm:"primaryKey"`
	Digest    []byte
	MailedAt  *time.Time
	ExpiresAt time.Time
	CreatedAt time.Time
}
