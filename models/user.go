package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// User is a person, who may be a member of several workspaces.
type User struct {
	ID           string
	Email        string // in lower case, with the ASCII form of the domain
	Name         string // empty without a password
	PasswordHash string `json:"-"`
	// PasskeyHandle is the random ID under which authenticators keep the person's passkeys; empty before the first.
	PasskeyHandle []byte     `gorm:"<-:update" json:"-"`
	MutedEmails   string     // the kinds of emails that the user has turned off, separated by spaces
	VerifiedAt    *time.Time // when the email was proven, or the operator vouched for it; nil if a copied link is the only proof
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// HasPassword reports whether a person can sign in with a password. Those who joined with single sign-on can't, until
// they choose one with a reset link.
func (u *User) HasPassword() bool { return u.PasswordHash != "" && !isDecoy(u.PasswordHash) }

// User returns a user.
func (s *Store) User(ctx context.Context, id string) (*User, error) {
	var user User
	if err := s.with(ctx).Where("id = ?", id).Take(&user).Error; err != nil {
		return nil, notFound(err, "user")
	}
	return &user, nil
}

// userByEmail returns the user with an email, or gorm.ErrRecordNotFound.
func (s *Store) userByEmail(ctx context.Context, email string) (*User, error) {
	var user User
	if err := s.with(ctx).Where("email = ?", normalEmail(email)).Take(&user).Error; err != nil {
		return nil, err
	}
	return &user, nil
}

// normalizeEmails changes the emails that earlier versions stored in another form. If another user has
// the stored form, both stay as they are.
func (s *Store) normalizeEmails(ctx context.Context) error {
	var users []struct{ ID, Email string }
	if err := s.with(ctx).Table("users").Select("id, email").Find(&users).Error; err != nil {
		return fmt.Errorf("read emails: %w", err)
	}
	for _, user := range users {
		email := normalEmail(user.Email)
		if email == user.Email {
			continue
		}
		err := s.with(ctx).Exec("UPDATE users SET email = ? WHERE id = ? AND NOT EXISTS (SELECT 1 FROM users WHERE email = ?)", email, user.ID, email).Error
		if err != nil {
			return fmt.Errorf("change email: %w", err)
		}
	}
	return nil
}

// HasAccount reports whether a user with an email has a password. People who were invited but have
// not joined yet have none.
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

var errAccountJustCreated = Errorf(FailedPrecondition, "An account for this email was just created. Try again.")

func (s *Store) insertUser(ctx context.Context, user *User) (*User, error) {
	user.ID = s.id("usr")
	err := s.with(ctx).Create(user).Error
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return nil, errAccountJustCreated
	}
	if err != nil {
		return nil, fmt.Errorf("insert user: %w", err)
	}
	return user, nil
}

// openAccount sets the name and password of a user without a password. VerifiedAt is nil if the email is
// not proven. It returns errAccountJustCreated if a concurrent call did so first.
func (s *Store) openAccount(ctx context.Context, user *User, name, hash string, verifiedAt *time.Time) error {
	update := s.with(ctx).Model(&User{}).Where("id = ? AND password_hash = ''", user.ID).
		Updates(map[string]any{"name": name, "password_hash": hash, "verified_at": verifiedAt})
	if update.Error != nil {
		return fmt.Errorf("update user: %w", update.Error)
	}
	if update.RowsAffected == 0 {
		return errAccountJustCreated
	}
	user.Name, user.PasswordHash, user.VerifiedAt = name, hash, verifiedAt
	return nil
}

// verify records that the email of a user is proven.
func (s *Store) verify(ctx context.Context, user *User) error {
	now := s.now()
	err := s.with(ctx).Model(&User{}).Where("id = ? AND verified_at IS NULL", user.ID).Update("verified_at", now).Error
	if err != nil {
		return fmt.Errorf("verify user: %w", err)
	}
	return nil
}

// ChangePassword changes a user's password after checking the current one, with the same rate
// limit as sign-in. It ends the user's other sessions, deletes the known devices, and returns the new ID
// of the session, whose old one no longer works.
func (s *Store) ChangePassword(ctx context.Context, userID, session, current, next string) (renewed string, err error) {
	user, err := s.User(ctx, userID)
	if err != nil {
		return "", err
	}
	fields := Fields{}
	if err := s.checkCurrentPassword(ctx, fields, user, current); err != nil {
		return "", err
	}
	checkPassword(fields, "new_password", next, user.Email, user.Name)
	if err := fields.err(); err != nil {
		return "", err
	}
	hash, err := s.passwords.hash(ctx, next)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	err = s.Tx(ctx, func(tx *Store) (err error) {
		// The condition fails if the password has changed since it was compared.
		update := tx.with(ctx).Model(&User{}).Where("id = ? AND password_hash = ?", userID, user.PasswordHash).Update("password_hash", hash)
		if update.Error != nil {
			return fmt.Errorf("update password: %w", update.Error)
		}
		if update.RowsAffected == 0 {
			return Fields{"password": "was changed in the meantime; try again"}.err()
		}
		if err := tx.endSessions(ctx, userID, session); err != nil {
			return err
		}
		if renewed, err = tx.renewSession(ctx, session); err != nil {
			return err
		}
		if err := tx.passwordChanged(ctx, user); err != nil {
			return err
		}
		return tx.auditUser(ctx, user, "user.password_changed", nil)
	})
	return renewed, err
}

// checkCurrentPassword checks that the user knows the current password, which the thief of a
// session doesn't. Attempts are rate limited.
func (s *Store) checkCurrentPassword(ctx context.Context, fields Fields, user *User, current string) error {
	attempt := signInAttempt{limits: []attemptLimit{{subject("password", user.ID), shareThrottle, false}}}
	err := s.count(ctx, attempt.limits)
	if IsKind(err, RateLimited) {
		fields.add("password", "was entered incorrectly too many times; wait a moment and try again")
		return nil
	}
	if err != nil {
		return err
	}
	same, err := s.passwords.matches(ctx, current, user.PasswordHash)
	if err != nil {
		return fmt.Errorf("compare password: %w", err)
	}
	if !same {
		fields.add("password", "is incorrect")
		return nil
	}
	return s.clearAttempt(ctx, attempt)
}
