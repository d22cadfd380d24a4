package models

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// PendingSignInLife is how long someone who entered their password can take to enter a code or use a passkey.
const PendingSignInLife = 10 * time.Minute

// Codes have longer waits than passwords, because they are short and only someone who knows the password can
// guess them.
var (
	codeShareThrottle   = throttle{free: 5, longest: 15 * time.Minute}
	codeAccountThrottle = throttle{free: 20, longest: 15 * time.Minute}
)

// pendingSignIn is a sign-in with a correct password that waits for a second factor. The database stores only the
// hash of its ID.
type pendingSignIn struct {
	Digest    []byte `gorm:"primaryKey"`
	UserID    string
	ExpiresAt time.Time
	CreatedAt time.Time

	IdentityID      *string // with which the user signed in; nil after a password
	ProviderSession string
}

// ErrPendingSignIn is returned for a sign-in that has expired, was completed, or never began.
var ErrPendingSignIn = Errorf(NotFound, "Enter your password again.")

// awaitCode starts a sign-in that SignInWithCode or CompleteSignInWithPasskey completes.
func (s *Store) awaitCode(ctx context.Context, user *User, attempt signInAttempt) (*SignedIn, error) {
	id, now := rand.Text(), s.now()
	err := s.Tx(ctx, func(tx *Store) error {
		if err := tx.requirePassword(ctx, user); err != nil {
			return err
		}
		if err := tx.clearAttempt(ctx, attempt); err != nil {
			return err
		}
		row := pendingSignIn{Digest: digestOf(id), UserID: user.ID, ExpiresAt: now.Add(PendingSignInLife), CreatedAt: now}
		if err := tx.with(ctx).Create(&row).Error; err != nil {
			return fmt.Errorf("insert pending sign-in: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &SignedIn{User: user, PendingID: id}, nil
}

// PendingUser returns the user of a pending sign-in, or ErrPendingSignIn.
func (s *Store) PendingUser(ctx context.Context, id string) (*User, error) {
	var row pendingSignIn
	err := s.with(ctx).Where("digest = ? AND expires_at > ?", digestOf(id), s.now()).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrPendingSignIn
	}
	if err != nil {
		return nil, fmt.Errorf("read pending sign-in: %w", err)
	}
	return s.User(ctx, row.UserID)
}

// SignInWithCode completes a pending sign-in with a code of the authenticator app or a recovery code, as
// SignIn does with a password. It returns ErrPendingSignIn if the password must be entered again.
func (s *Store) SignInWithCode(ctx context.Context, oldSession, pendingID, device, code string) (*SignedIn, error) {
	user, err := s.PendingUser(ctx, pendingID)
	if err != nil {
		return nil, err
	}
	attempt, err := s.claimCode(ctx, user, device)
	if err != nil {
		return nil, err
	}
	in, err := s.completeSignIn(ctx, oldSession, pendingID, user, attempt, func(ctx context.Context, tx *Store) (string, error) {
		return tx.takeCode(ctx, user, code)
	})
	if errors.Is(err, errCode) {
		return nil, errors.Join(s.addFailedSignIn(ctx, user), err)
	}
	return in, err
}

// completeSignIn ends a pending sign-in and starts a session if prove accepts a second factor and returns what
// it was.
func (s *Store) completeSignIn(ctx context.Context, oldSession, pendingID string, user *User, attempt signInAttempt,
	prove func(context.Context, *Store) (string, error),
) (in *SignedIn, err error) {
	ctx, workspaceID, err := s.actingAs(ctx, user)
	if err != nil {
		return nil, err
	}
	err = s.Tx(ctx, func(tx *Store) error {
		var pending pendingSignIn
		if err := tx.with(ctx).Where("digest = ?", digestOf(pendingID)).Find(&pending).Error; err != nil {
			return fmt.Errorf("read pending sign-in: %w", err)
		}
		completed := tx.with(ctx).Where("digest = ?", digestOf(pendingID)).Delete(&pendingSignIn{})
		if completed.Error != nil {
			return fmt.Errorf("delete pending sign-in: %w", completed.Error)
		}
		if completed.RowsAffected == 0 {
			return ErrPendingSignIn
		}
		method, err := prove(ctx, tx)
		if err != nil {
			return err
		}
		details := map[string]string{"second_factor": method}
		if pending.IdentityID != nil {
			details["method"] = bySingleSignOn
		}
		in, err = tx.startSession(ctx, user, workspaceID, oldSession, attempt, details)
		if err != nil || pending.IdentityID == nil {
			return err
		}
		return tx.markProvided(ctx, in.SessionID, *pending.IdentityID, ProviderIdentity{Session: pending.ProviderSession})
	})
	if err != nil {
		return nil, err
	}
	return in, nil
}

// claimCode counts an attempt to enter a code, as claimAttempt does for a password.
func (s *Store) claimCode(ctx context.Context, user *User, device string) (signInAttempt, error) {
	account := codeSubject(user.ID)
	return s.claim(ctx, Credentials{Email: user.Email, Device: device}, "code_device", []attemptLimit{
		{shareOf(account, ActorOf(ctx).Address), codeShareThrottle, false}, {account, codeAccountThrottle, false},
	})
}

func codeSubject(userID string) string { return subject("code", userID) }
