package models

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// How long a session lasts.
const (
	SessionIdle     = 12 * time.Hour      // since it was last used
	SessionAbsolute = 30 * 24 * time.Hour // since it was created
)

// lastSeenInterval limits how often a session's row is written.
const lastSeenInterval = time.Minute

// Session is a browser in which a user is signed in. The database stores only the hash of the
// session ID.
type Session struct {
	Digest      []byte `gorm:"primaryKey"`
	UserID      string
	WorkspaceID *string // the current workspace; nil if the user belongs to none
	Address     string
	UserAgent   string
	// Notices are shown once, on the next page of the workspace with the ID, or of none if it is empty.
	Notices    map[string]string `gorm:"serializer:json"`
	ProvenAt   *time.Time        // when the user last proved who they are with Prove
	CreatedAt  time.Time
	LastSeenAt time.Time
	ExpiresAt  time.Time

	IdentityID           *string // with which the user signed in; nil without single sign-on
	ProviderSession      string  // at the provider of single sign-on; empty if it doesn't name it
	ProviderSecondFactor bool    // the provider asked for a second factor
}

// IsProvided reports whether the user signed in with single sign-on.
func (s *Session) IsProvided() bool { return s.IdentityID != nil }

// Reference returns the text that names the session on a page. The session ID can't be derived from it.
func (s *Session) Reference() string { return hex.EncodeToString(s.Digest) }

// CreateSession creates a session for a user and returns its ID. The IP address and user agent are
// those of the actor in ctx.
func (s *Store) CreateSession(ctx context.Context, userID, workspaceID string) (string, *Session, error) {
	id, now, actor := rand.Text(), s.now(), ActorOf(ctx)
	session := &Session{
		Digest:      digestOf(id),
		UserID:      userID,
		WorkspaceID: optional(workspaceID),
		Address:     actor.Address,
		UserAgent:   clip(actor.UserAgent, maxUserAgent),
		Notices:     map[string]string{},
		CreatedAt:   now,
		LastSeenAt:  now,
		ExpiresAt:   now.Add(SessionAbsolute),
	}
	if err := s.with(ctx).Create(session).Error; err != nil {
		return "", nil, fmt.Errorf("insert session: %w", err)
	}
	return id, session, nil
}

// Session returns the session with an ID and records that it was used. It returns NotFound for a
// session that has ended or expired.
func (s *Store) Session(ctx context.Context, id string) (*Session, error) {
	now := s.now()
	var session Session
	err := s.with(ctx).
		Where("digest = ? AND expires_at > ? AND last_seen_at > ?", digestOf(id), now, now.Add(-SessionIdle)).
		Take(&session).Error
	if err != nil {
		return nil, notFound(err, "session")
	}
	if now.Sub(session.LastSeenAt) < lastSeenInterval {
		return &session, nil
	}
	err = s.with(ctx).Model(&Session{}).Where("digest = ?", session.Digest).Update("last_seen_at", now).Error
	if err != nil {
		return nil, fmt.Errorf("update session: %w", err)
	}
	session.LastSeenAt = now
	return &session, nil
}

// UseWorkspace makes a workspace the current one of a session, if the session still exists.
func (s *Store) UseWorkspace(ctx context.Context, id, workspaceID string) error {
	if err := s.with(ctx).Model(&Session{}).Where("digest = ?", digestOf(id)).Update("workspace_id", optional(workspaceID)).Error; err != nil {
		return fmt.Errorf("update session: %w", err)
	}
	return nil
}

// SetNotice changes the notice of a session for a workspace, or for pages outside of workspaces if workspaceID is
// empty. An empty text removes it. Other tabs may change other notices of the session at the same time.
func (s *Store) SetNotice(ctx context.Context, id, workspaceID, text string) error {
	return s.Tx(ctx, func(tx *Store) error {
		var session Session
		err := tx.with(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("digest = ?", digestOf(id)).Take(&session).Error
		if errors.Is(err, gorm.ErrRecordNotFound) { // it has ended
			return nil
		}
		if err != nil {
			return fmt.Errorf("read session: %w", err)
		}
		notices := maps.Clone(session.Notices)
		if notices == nil {
			notices = map[string]string{}
		}
		notices[workspaceID] = text
		if text == "" {
			delete(notices, workspaceID)
		}
		if err := tx.with(ctx).Model(&Session{}).Where("digest = ?", session.Digest).Select("notices").Updates(Session{Notices: notices}).Error; err != nil {
			return fmt.Errorf("update session: %w", err)
		}
		return nil
	})
}

// SessionsOf returns a user's active sessions, the most recently used first.
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

// DeleteSession ends the session with an ID, if there is one.
func (s *Store) DeleteSession(ctx context.Context, id string) error {
	if err := s.with(ctx).Where("digest = ?", digestOf(id)).Delete(&Session{}).Error; err != nil {
		return fmt.Errorf("delete session: %w", err)
	}
	return nil
}

// EndSession ends one session of a user, which its reference names. It does nothing if the session has
// already ended.
func (s *Store) EndSession(ctx context.Context, user *User, reference string) error {
	digest, err := hex.DecodeString(reference)
	if err != nil {
		return Errorf(Invalid, "This session doesn't exist. Reload the page and try again.")
	}
	return s.Tx(ctx, func(tx *Store) error {
		ended := tx.with(ctx).Where("user_id = ? AND digest = ?", user.ID, digest).Delete(&Session{})
		if ended.Error != nil {
			return fmt.Errorf("delete session: %w", ended.Error)
		}
		if ended.RowsAffected == 0 {
			return nil
		}
		return tx.auditUser(ctx, user, "user.session_ended", nil)
	})
}

// SessionsOfMember returns the sessions of a member that an admin may end, as SessionsOf does.
func (s *Store) SessionsOfMember(ctx context.Context, adminUserID string, member *Member) ([]Session, error) {
	err := s.requireAdminOfAll(ctx, adminUserID, member)
	if IsKind(err, Forbidden) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return s.SessionsOf(ctx, member.UserID)
}

// EndSessionOfMember ends a session of a member, as EndSession does. A session is signed in to every
// workspace that the member has joined, so it returns Forbidden unless the admin administers all of them.
func (s *Store) EndSessionOfMember(ctx context.Context, adminUserID, workspaceID, memberID, reference string) (*Member, error) {
	member, err := s.Member(ctx, workspaceID, memberID)
	if err != nil {
		return nil, err
	}
	if err := s.requireAdminOfAll(ctx, adminUserID, member); err != nil {
		return nil, err
	}
	return member, s.EndSession(ctx, &member.User, reference)
}

// SignOutEverywhere ends all sessions of a user, including the current one.
func (s *Store) SignOutEverywhere(ctx context.Context, user *User) error {
	return s.Tx(ctx, func(tx *Store) error {
		if err := tx.endSessions(ctx, user.ID, ""); err != nil {
			return err
		}
		return tx.auditUser(ctx, user, "user.signed_out_everywhere", nil)
	})
}

// renewSession gives the session with an ID a new one, and returns it. The old ID no longer works.
func (s *Store) renewSession(ctx context.Context, id string) (string, error) {
	next := rand.Text()
	if err := s.with(ctx).Model(&Session{}).Where("digest = ?", digestOf(id)).Update("digest", digestOf(next)).Error; err != nil {
		return "", fmt.Errorf("renew session: %w", err)
	}
	return next, nil
}

// endSessions ends all sessions of a user except the one with the ID keep, and deletes the user's
// pending sign-ins and known devices.
func (s *Store) endSessions(ctx context.Context, userID, keep string) error {
	err := s.with(ctx).Where("user_id = ? AND digest <> ?", userID, digestOf(keep)).Delete(&Session{}).Error
	if err != nil {
		return fmt.Errorf("delete sessions: %w", err)
	}
	if err := s.with(ctx).Where("user_id = ?", userID).Delete(&pendingSignIn{}).Error; err != nil {
		return fmt.Errorf("delete pending sign-ins: %w", err)
	}
	if err := s.with(ctx).Where("user_id = ?", userID).Delete(&knownDevice{}).Error; err != nil {
		return fmt.Errorf("delete known devices: %w", err)
	}
	return nil
}

// SignOut ends the session with an ID and records it in the audit log.
func (s *Store) SignOut(ctx context.Context, id string, user *User) error {
	return s.Tx(ctx, func(tx *Store) error {
		if err := tx.DeleteSession(ctx, id); err != nil {
			return err
		}
		return tx.auditUser(ctx, user, "user.signed_out", nil)
	})
}
