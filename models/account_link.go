package models

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// AccountLinkLife is how long a link works that changes an account.
const AccountLinkLife = 30 * time.Minute

// linkPurpose is what a link does to an account.
type linkPurpose string

// The purposes.
const (
	resetPurpose   linkPurpose = "reset"   // chooses a new password
	confirmPurpose linkPurpose = "confirm" // confirms a new email
)

// accountLink is a single-use link with which a person changes their account. The database stores only the
// hash of its token.
type accountLink struct {
	Digest    []byte `gorm:"primaryKey"`
	UserID    string
	Purpose   linkPurpose
	Email     string // to which the link was sent; empty if it wasn't
	CreatedBy string // ID of the admin's user, if an admin created the link for someone else
	ExpiresAt time.Time
	CreatedAt time.Time
}

// AccountLink is a link with which a person changes their account. Its token must be shown to no one else.
type AccountLink struct {
	Token     string
	User      User
	ExpiresAt time.Time

	row accountLink
}

// NewEmail returns the email to which the link was sent, or "" if it wasn't.
func (l *AccountLink) NewEmail() string { return l.row.Email }

// createAccountLink stores a link and returns it with its token.
func (s *Store) createAccountLink(ctx context.Context, user *User, row accountLink) (*AccountLink, error) {
	token, now := rand.Text(), s.now()
	row.Digest, row.UserID, row.CreatedAt, row.ExpiresAt = digestOf(token), user.ID, now, now.Add(AccountLinkLife)
	if err := s.with(ctx).Create(&row).Error; err != nil {
		return nil, fmt.Errorf("insert account link: %w", err)
	}
	return &AccountLink{Token: token, User: *user, ExpiresAt: row.ExpiresAt, row: row}, nil
}

// accountLink returns the link with a token, or NotFound with a message if it no longer works.
func (s *Store) accountLink(ctx context.Context, purpose linkPurpose, token string, gone error) (*AccountLink, error) {
	var row accountLink
	err := s.with(ctx).Where("digest = ? AND purpose = ? AND expires_at > ?", digestOf(token), purpose, s.now()).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, gone
	}
	if err != nil {
		return nil, fmt.Errorf("read account link: %w", err)
	}
	user, err := s.User(ctx, row.UserID)
	if err != nil {
		return nil, err
	}
	return &AccountLink{Token: token, User: *user, ExpiresAt: row.ExpiresAt, row: row}, nil
}

// deleteAccountLinks deletes all links of a user.
func (s *Store) deleteAccountLinks(ctx context.Context, userID string) error {
	if err := s.with(ctx).Where("user_id = ?", userID).Delete(&accountLink{}).Error; err != nil {
		return fmt.Errorf("delete account links: %w", err)
	}
	return nil
}
