package models

import (
	"context"
	"fmt"
	"time"
)

// ProofLife is how long it counts that a person has proved who they are, by signing in or with Prove.
const ProofLife = 15 * time.Minute

// ProvedRecently reports whether the owner of the session has proved who they are within ProofLife.
func (s *Session) ProvedRecently(now time.Time) bool {
	last := s.CreatedAt
	if s.ProvenAt != nil {
		last = *s.ProvenAt
	}
	return now.Sub(last) < ProofLife
}

// Prove records that a signed-in user has proved who they are: with a code, or with the password if they
// have no second factor; see also ProveWithPasskey. Attempts are rate limited, as at sign-in. It returns field errors for "code" or
// "password".
func (s *Store) Prove(ctx context.Context, user *User, session, device, entered string) error {
	has, err := s.HasSecondFactor(ctx, user.ID)
	if err != nil {
		return err
	}
	if has {
		return s.proveWithCode(ctx, user, session, device, entered)
	}
	fields := Fields{}
	if err := s.checkCurrentPassword(ctx, fields, user, entered); err != nil {
		return err
	}
	if err := fields.err(); err != nil {
		return err
	}
	return s.setProven(ctx, session)
}

func (s *Store) proveWithCode(ctx context.Context, user *User, session, device, code string) error {
	attempt, err := s.claimCode(ctx, user, device)
	if err != nil {
		return err
	}
	return s.Tx(ctx, func(tx *Store) error {
		if _, err := tx.takeCode(ctx, user, code); err != nil {
			return err
		}
		if err := tx.clearAttempt(ctx, attempt); err != nil {
			return err
		}
		return tx.setProven(ctx, session)
	})
}

func (s *Store) setProven(ctx context.Context, session string) error {
	if err := s.with(ctx).Model(&Session{}).Where("digest = ?", digestOf(session)).Update("proven_at", s.now()).Error; err != nil {
		return fmt.Errorf("update session: %w", err)
	}
	return nil
}
