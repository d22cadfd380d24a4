package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// User is a person who can sign in. What they may do depends on the workspace: see Member.
type User struct {
	ID           string
	Email        string // in lower case
	Name         string
	PasswordHash string `json:"-"`
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// User returns a user, or NotFound.
func (s *Store) User(ctx context.Context, id string) (*User, error) {
	var user User
	if err := s.with(ctx).Where("id = ?", id).Take(&user).Error; err != nil {
		return nil, notFound(err, "user")
	}
	return &user, nil
}

// userByEmail returns GORM's own error where there is none, for callers to decide.
func (s *Store) userByEmail(ctx context.Context, email string) (*User, error) {
	var user User
	if err := s.with(ctx).Where("email = ?", normalEmail(email)).Take(&user).Error; err != nil {
		return nil, err
	}
	return &user, nil
}

// HasAccount reports whether a person with this address can sign in already. Who was invited
// somewhere and has not joined is known but has no password, and so no account.
func (s *Store) HasAccount(ctx context.Context, email string) (bool, error) {
	user, err := s.userByEmail(ctx, email)
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read user: %w", err)
	}
	return user.PasswordHash != "", nil
}

var errAccountJustMade = Errorf(FailedPrecondition, "This address has got an account just now. Try again.")

func (s *Store) insertUser(ctx context.Context, email, name, passwordHash string) (*User, error) {
	user := &User{ID: s.id("usr"), Email: email, Name: name, PasswordHash: passwordHash}
	err := s.with(ctx).Create(user).Error
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return nil, errAccountJustMade
	}
	if err != nil {
		return nil, fmt.Errorf("insert user: %w", err)
	}
	return user, nil
}

// openAccount gives a user who has no password yet a name and one. It is errAccountJustMade if
// another was quicker.
func (s *Store) openAccount(ctx context.Context, user *User, name, hash string) error {
	update := s.with(ctx).Model(&User{}).Where("id = ? AND password_hash = ''", user.ID).
		Updates(map[string]any{"name": name, "password_hash": hash})
	if update.Error != nil {
		return fmt.Errorf("update user: %w", update.Error)
	}
	if update.RowsAffected == 0 {
		return errAccountJustMade
	}
	user.Name, user.PasswordHash = name, hash
	return nil
}

// ChangePassword gives a user a new password after checking the present one, of which wrong
// ones are slowed like at sign-in. Every other session of the user ends, and no device is known
// any more.
func (s *Store) ChangePassword(ctx context.Context, workspaceID, userID, keepSession, present, next string) error {
	user, err := s.User(ctx, userID)
	if err != nil {
		return err
	}
	fields := Fields{}
	if err := s.checkPresentPassword(ctx, fields, user, present); err != nil {
		return err
	}
	checkPassword(fields, "new_password", next, user.Email, user.Name)
	if err := fields.err(); err != nil {
		return err
	}
	hash, err := s.passwords.hash(ctx, next)
	if err != nil {
		return fmt.Errorf("hash password: %w", err)
	}
	return s.Tx(ctx, func(tx *Store) error {
		// Unless somebody else has changed it since it was compared.
		update := tx.with(ctx).Model(&User{}).Where("id = ? AND password_hash = ?", userID, user.PasswordHash).Update("password_hash", hash)
		if update.Error != nil {
			return fmt.Errorf("update password: %w", update.Error)
		}
		if update.RowsAffected == 0 {
			return Fields{"password": "is not your current password any more"}.err()
		}
		if err := tx.endSessions(ctx, userID, keepSession); err != nil {
			return err
		}
		return tx.audit(ctx, workspaceID, "user.password_changed", target{"user", user.ID, user.Name}, nil)
	})
}

// checkPresentPassword complains unless present is the user's password. It is asked for because
// whoever has stolen a session does not know it, and must not find it out by trying.
func (s *Store) checkPresentPassword(ctx context.Context, fields Fields, user *User, present string) error {
	attempt := signInAttempt{own: []string{subject("password", user.ID)}}
	err := s.Tx(ctx, func(tx *Store) error { return tx.count(ctx, attempt.own[0], accountThrottle) })
	if IsKind(err, RateLimited) {
		fields.add("password", "was tried too often; wait a moment, then try again")
		return nil
	}
	if err != nil {
		return err
	}
	same, err := s.passwords.matches(ctx, present, user.PasswordHash)
	if err != nil {
		return fmt.Errorf("compare password: %w", err)
	}
	if !same {
		fields.add("password", "is not your current password")
		return nil
	}
	return s.forgiveAttempt(ctx, attempt)
}
