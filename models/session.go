package models

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"
)

// How long a session lasts. The absolute bound is that of the row's expires_at.
const (
	SessionIdle     = 12 * time.Hour
	SessionAbsolute = 30 * 24 * time.Hour
)

// lastSeenEvery bounds how often a session's row is written.
const lastSeenEvery = time.Minute

// Session is a browser in which a user is signed in. The database knows only the hash of the
// id that the browser holds.
type Session struct {
	Digest      []byte `gorm:"primaryKey"`
	UserID      string
	WorkspaceID *string // the workspace shown; nil if the user belongs to none
	Address     string
	UserAgent   string
	Notice      string // shown once on the next page
	CreatedAt   time.Time
	LastSeenAt  time.Time
	ExpiresAt   time.Time
}

// CreateSession starts a session of a user and returns the id for the browser. Where and by
// what it was started is taken from the actor of ctx.
func (s *Store) CreateSession(ctx context.Context, userID, workspaceID string) (string, *Session, error) {
	id, now, actor := rand.Text(), s.now(), ActorOf(ctx)
	session := &Session{
		Digest:      digestOf(id),
		UserID:      userID,
		WorkspaceID: optional(workspaceID),
		Address:     actor.Address,
		UserAgent:   clip(actor.UserAgent, maxUserAgent),
		CreatedAt:   now,
		LastSeenAt:  now,
		ExpiresAt:   now.Add(SessionAbsolute),
	}
	if err := s.with(ctx).Create(session).Error; err != nil {
		return "", nil, fmt.Errorf("insert session: %w", err)
	}
	return id, session, nil
}

// Session returns the living session of an id, or NotFound, and notes that it was seen.
func (s *Store) Session(ctx context.Context, id string) (*Session, error) {
	now := s.now()
	var session Session
	err := s.with(ctx).
		Where("digest = ? AND expires_at > ? AND last_seen_at > ?", digestOf(id), now, now.Add(-SessionIdle)).
		Take(&session).Error
	if err != nil {
		return nil, notFound(err, "session")
	}
	if now.Sub(session.LastSeenAt) < lastSeenEvery {
		return &session, nil
	}
	err = s.with(ctx).Model(&Session{}).Where("digest = ?", session.Digest).Update("last_seen_at", now).Error
	if err != nil {
		return nil, fmt.Errorf("update session: %w", err)
	}
	session.LastSeenAt = now
	return &session, nil
}

// SessionChange is what to change of a session. What is not given stays: another request of the same
// browser may be changing it.
type SessionChange struct {
	WorkspaceID Change[string]
	Notice      Change[string]
}

// UpdateSession changes a session. One that is over is left alone.
func (s *Store) UpdateSession(ctx context.Context, id string, change SessionChange) error {
	values := map[string]any{}
	if change.WorkspaceID.Given {
		values["workspace_id"] = optional(change.WorkspaceID.Value)
	}
	if change.Notice.Given {
		values["notice"] = change.Notice.Value
	}
	if err := s.with(ctx).Model(&Session{}).Where("digest = ?", digestOf(id)).Updates(values).Error; err != nil {
		return fmt.Errorf("update session: %w", err)
	}
	return nil
}

// SessionsOf lists the living sessions of a user, the last seen first.
func (s *Store) SessionsOf(ctx context.Context, userID string) ([]Session, error) {
	var sessions []Session
	now := s.now()
	err := s.with(ctx).
		Where("user_id = ? AND expires_at > ? AND last_seen_at > ?", userID, now, now.Add(-SessionIdle)).
		Order("last_seen_at DESC").
		Find(&sessions).Error
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	return sessions, nil
}

// DeleteSession ends the session of an id. Ending one that is over already is no error.
func (s *Store) DeleteSession(ctx context.Context, id string) error {
	if err := s.with(ctx).Where("digest = ?", digestOf(id)).Delete(&Session{}).Error; err != nil {
		return fmt.Errorf("delete session: %w", err)
	}
	return nil
}

// SignOutEverywhere ends every session of a user, this one included.
func (s *Store) SignOutEverywhere(ctx context.Context, workspaceID string, user *User) error {
	return s.Tx(ctx, func(tx *Store) error {
		if err := tx.endSessions(ctx, user.ID, ""); err != nil {
			return err
		}
		return tx.audit(ctx, workspaceID, "user.signed_out_everywhere", target{"user", user.ID, user.Name}, nil)
	})
}

// endSessions ends the sessions of a user but the one with the id keep, and forgets the
// devices in which the user is known.
func (s *Store) endSessions(ctx context.Context, userID, keep string) error {
	err := s.with(ctx).Where("user_id = ? AND digest <> ?", userID, digestOf(keep)).Delete(&Session{}).Error
	if err != nil {
		return fmt.Errorf("delete sessions: %w", err)
	}
	if err := s.with(ctx).Where("user_id = ?", userID).Delete(&knownDevice{}).Error; err != nil {
		return fmt.Errorf("delete known devices: %w", err)
	}
	return nil
}

// SignOut ends the session of an id and says so in the audit log.
func (s *Store) SignOut(ctx context.Context, workspaceID, id string, user *User) error {
	return s.Tx(ctx, func(tx *Store) error {
		if err := tx.DeleteSession(ctx, id); err != nil {
			return err
		}
		return tx.audit(ctx, workspaceID, "user.signed_out", target{"user", user.ID, user.Name}, nil)
	})
}
