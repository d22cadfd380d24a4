package models

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/skipup/keys/models/token"
)

const (
	recoveryCodes    = 10
	fewRecoveryCodes = 3
	// recoveryCodeLength is the number of characters, of 5 bits each, in groups of 4. A plain hash of the
	// code is enough because no one can guess 120 bits (OWASP ASVS 5.0, 6.5.2).
	recoveryCodeLength = 24
)

// recoveryCode is an unused code that replaces one of the authenticator app. The database stores only its
// hash.
type recoveryCode struct {
	Digest    []byte `gorm:"primaryKey"`
	UserID    string
	CreatedAt time.Time
}

// ReplaceRecoveryCodes creates recovery codes for a user and returns them. They can't be retrieved later,
// and earlier ones stop working. It returns FailedPrecondition for a user without a second factor.
func (s *Store) ReplaceRecoveryCodes(ctx context.Context, userID string) (codes []token.Secret, err error) {
	user, err := s.User(ctx, userID)
	if err != nil {
		return nil, err
	}
	err = s.Tx(ctx, func(tx *Store) error {
		has, err := tx.HasSecondFactor(ctx, userID)
		if err != nil {
			return err
		}
		if !has {
			return Errorf(FailedPrecondition, "Set up a second factor first.")
		}
		if codes, err = tx.replaceRecoveryCodes(ctx, userID); err != nil {
			return err
		}
		return tx.credentialChanged(ctx, user, RecoveryCodesEmail, "user.recovery_codes_created")
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

func (s *Store) replaceRecoveryCodes(ctx context.Context, userID string) ([]token.Secret, error) {
	if err := s.with(ctx).Where("user_id = ?", userID).Delete(&recoveryCode{}).Error; err != nil {
		return nil, fmt.Errorf("delete recovery codes: %w", err)
	}
	codes, rows := make([]token.Secret, recoveryCodes), make([]recoveryCode, recoveryCodes)
	for i := range codes {
		text := rand.Text()[:recoveryCodeLength]
		rows[i] = recoveryCode{Digest: digestOf(text), UserID: userID, CreatedAt: s.now()}
		codes[i] = token.SecretOf(inGroups(text))
	}
	if err := s.with(ctx).Create(&rows).Error; err != nil {
		return nil, fmt.Errorf("insert recovery codes: %w", err)
	}
	return codes, nil
}

// inGroups returns a code with a hyphen after every fourth character.
func inGroups(code string) string {
	var groups []string
	for ; len(code) > 4; code = code[4:] {
		groups = append(groups, code[:4])
	}
	return strings.Join(append(groups, code), "-")
}

// takeRecoveryCode deletes a recovery code of a user, or returns errCode.
func (s *Store) takeRecoveryCode(ctx context.Context, user *User, code string) error {
	used := s.with(ctx).Where("digest = ? AND user_id = ?", digestOf(code), user.ID).Delete(&recoveryCode{})
	if used.Error != nil {
		return fmt.Errorf("delete recovery code: %w", used.Error)
	}
	if used.RowsAffected == 0 {
		return errCode
	}
	return s.credentialChanged(ctx, user, RecoveryCodeUsedEmail, "user.recovery_code_used")
}

func (s *Store) recoveryCodesLeft(ctx context.Context, userID string) (left int64, err error) {
	if err := s.with(ctx).Model(&recoveryCode{}).Where("user_id = ?", userID).Count(&left).Error; err != nil {
		return 0, fmt.Errorf("count recovery codes: %w", err)
	}
	return left, nil
}
