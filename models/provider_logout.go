package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// ProviderLogout is a logout token that the provider of single sign-on sent (OpenID Connect Back-Channel Logout 1.0
// §2.4). Its signature, issuer, and audience were checked.
type ProviderLogout struct {
	TokenID   string
	Issuer    string
	Subject   string // whose sessions end; empty if Session is set
	Session   string // at the provider; empty for all sessions of Subject
	ExpiresAt time.Time
}

// usedLogoutToken is a logout token that can't be used again.
type usedLogoutToken struct {
	Digest    []byte `gorm:"primaryKey"`
	ExpiresAt time.Time
}

// errLogoutToken is returned for a logout token that was used before.
var errLogoutToken = Errorf(Invalid, "This logout token was already used.")

// SignOutByProvider ends the sessions that a logout token names, and the sign-ins that wait for a code. It returns
// Invalid if the token was used before.
func (s *Store) SignOutByProvider(ctx context.Context, logout ProviderLogout) error {
	return s.Tx(ctx, func(tx *Store) error {
		err := tx.with(ctx).Create(&usedLogoutToken{Digest: digestOf(logout.Issuer + " " + logout.TokenID), ExpiresAt: logout.ExpiresAt.UTC()}).Error
		if errors.Is(err, gorm.ErrDuplicatedKey) {
			return errLogoutToken
		}
		if err != nil {
			return fmt.Errorf("insert logout token: %w", err)
		}
		ofPerson := tx.with(ctx).Model(&userIdentity{}).Select("id").Where("issuer = ?", logout.Issuer)
		if logout.Subject != "" {
			ofPerson = ofPerson.Where("subject = ?", logout.Subject)
		}
		named := func() *gorm.DB {
			query := tx.with(ctx).Where("identity_id IN (?)", ofPerson)
			if logout.Session != "" {
				query = query.Where("provider_session = ?", logout.Session)
			}
			return query
		}
		if err := named().Delete(&pendingSignIn{}).Error; err != nil {
			return fmt.Errorf("delete pending sign-ins: %w", err)
		}
		var userIDs []string
		if err := named().Model(&Session{}).Distinct().Pluck("user_id", &userIDs).Error; err != nil {
			return fmt.Errorf("read sessions: %w", err)
		}
		if err := named().Delete(&Session{}).Error; err != nil {
			return fmt.Errorf("delete sessions: %w", err)
		}
		for _, userID := range userIDs {
			user, err := tx.User(ctx, userID)
			if err != nil {
				return err
			}
			if err := tx.auditUser(ctx, user, "user.signed_out_by_provider", nil); err != nil {
				return err
			}
		}
		return nil
	})
}
