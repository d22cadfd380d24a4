package models

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
)

// Credentials are what a user signs in with.
type Credentials struct {
	Email, Password string
	Device          string // the device cookie of an earlier sign-in from this browser, if any
}

// SignedIn is a successful sign-in.
type SignedIn struct {
	User        *User
	WorkspaceID string // the workspace to show; empty if the user is active in none
	SessionID   string // for the session cookie
	Device      string // for the device cookie
	PendingID   string // if a second factor must complete the sign-in; all but User is then empty
}

// errSignIn is returned for both unknown emails and wrong passwords.
var errSignIn = Errorf(Invalid, "Incorrect email or password.")

// SignIn checks the credentials, starts a session, and ends the session oldSession, if there is
// one. Failed attempts are rate limited by IP address, network, and account: the error is RateLimited
// with RetryAfter. Each network has its own share of the attempts for an account, and each device
// from which the account has signed in before has its own limit, so that others can't lock the owner
// out. An unknown email and a wrong password return the same
// error and take the same time. If the user has a second factor, no session starts: SignInWithCode or
// CompleteSignInWithPasskey completes the sign-in.
func (s *Store) SignIn(ctx context.Context, oldSession string, c Credentials) (*SignedIn, error) {
	attempt, err := s.claimAttempt(ctx, c)
	if err != nil {
		return nil, err
	}
	user, err := s.userByEmail(ctx, c.Email)
	if errors.Is(err, gorm.ErrRecordNotFound) {
		user = &User{}
	} else if err != nil {
		return nil, fmt.Errorf("read user: %w", err)
	}
	same, err := s.passwords.matches(ctx, c.Password, user.PasswordHash)
	if err != nil {
		return nil, fmt.Errorf("compare password: %w", err)
	}
	if !same {
		if err := s.addFailedSignIn(ctx, user); err != nil {
			return nil, err
		}
		return nil, errSignIn
	}
	ctx, workspaceID, err := s.actingAs(ctx, user)
	if err != nil {
		return nil, err
	}
	hasSecondFactor, err := s.HasSecondFactor(ctx, user.ID)
	if err != nil {
		return nil, err
	}
	if hasSecondFactor {
		return s.awaitCode(ctx, user, attempt)
	}
	return s.startSession(ctx, user, workspaceID, oldSession, attempt, nil)
}

// SignInNew starts the first session of a new user.
func (s *Store) SignInNew(ctx context.Context, member *Member) (*SignedIn, error) {
	actor := ActorOf(ctx)
	actor.Type, actor.ID, actor.Name = ActorMember, member.ID, member.Name()
	return s.startSession(WithActor(ctx, actor), &member.User, member.WorkspaceID, "", signInAttempt{isFirst: true}, nil)
}

// defaultMembership returns the workspace that a user sees first, and the membership in it.
func (s *Store) defaultMembership(ctx context.Context, userID string) (workspaceID, memberID string, err error) {
	members, err := s.MembershipsOf(ctx, userID)
	if err != nil || len(members) == 0 {
		return "", "", err
	}
	return members[0].WorkspaceID, members[0].ID, nil
}

func (s *Store) startSession(ctx context.Context, user *User, workspaceID, oldSession string, attempt signInAttempt, details map[string]string) (*SignedIn, error) {
	in := &SignedIn{User: user, WorkspaceID: workspaceID}
	err := s.Tx(ctx, func(tx *Store) (err error) {
		if err := tx.requirePassword(ctx, user); err != nil {
			return err
		}
		if err := tx.clearAttempt(ctx, attempt); err != nil {
			return err
		}
		if oldSession != "" {
			if err := tx.DeleteSession(ctx, oldSession); err != nil {
				return err
			}
		}
		if in.SessionID, _, err = tx.CreateSession(ctx, user.ID, workspaceID); err != nil {
			return err
		}
		if in.Device, err = tx.rememberDevice(ctx, user.ID, attempt.device); err != nil {
			return err
		}
		if attempt.device == "" && !attempt.isFirst {
			actor := ActorOf(ctx)
			device := accountEmail{Kind: NewDeviceEmail, Address: storable(actor.Address), UserAgent: clip(actor.UserAgent, maxUserAgent)}
			if err := tx.notifyUser(ctx, user, device); err != nil {
				return err
			}
		}
		return tx.auditUser(ctx, user, "user.signed_in", details)
	})
	if err != nil {
		return nil, err
	}
	return in, nil
}

// requirePassword returns errSignIn if the user's password has changed since it was compared. It
// locks the user's row, so that a concurrent password change also ends this session.
func (s *Store) requirePassword(ctx context.Context, user *User) error {
	lock := s.with(ctx).Model(&User{}).Where("id = ? AND password_hash = ?", user.ID, user.PasswordHash).
		UpdateColumn("password_hash", user.PasswordHash)
	if lock.Error != nil {
		return fmt.Errorf("lock user: %w", lock.Error)
	}
	if lock.RowsAffected == 0 {
		return errSignIn
	}
	return nil
}
