package models

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// setupLinkLife is how long a set-up link works; the next start prints another.
const setupLinkLife = 24 * time.Hour

type setupLink struct {
	Digest    []byte
	ExpiresAt time.Time
	CreatedAt time.Time
}

// errSetUp is the answer to a link that was used, replaced or invented.
var errSetUp = Errorf(NotFound, "This set-up link has been used or has expired. Start the server again for another, or sign in.")

// NeedsSetUp reports whether nobody has made a workspace yet.
func (s *Store) NeedsSetUp(ctx context.Context) (bool, error) {
	var open int64
	err := s.with(ctx).Table("installation").Where("set_up_at IS NULL").Count(&open).Error
	if err != nil {
		return false, fmt.Errorf("read installation: %w", err)
	}
	return open == 1, nil
}

// NewSetupLink returns the token of a link that may make the first workspace, once. Links of
// other nodes that started at the same time keep working until one of them is used.
func (s *Store) NewSetupLink(ctx context.Context) (string, error) {
	text := rand.Text()
	now := s.now()
	link := setupLink{Digest: digestOf(text), ExpiresAt: now.Add(setupLinkLife), CreatedAt: now}
	if err := s.with(ctx).Create(&link).Error; err != nil {
		return "", fmt.Errorf("insert set-up link: %w", err)
	}
	return text, nil
}

// CheckSetupLink is a NotFound error unless SetUp would accept the token.
func (s *Store) CheckSetupLink(ctx context.Context, text string) error {
	needed, err := s.NeedsSetUp(ctx)
	if err != nil {
		return err
	}
	var links int64
	err = s.with(ctx).Model(&setupLink{}).Where("digest = ? AND expires_at > ?", digestOf(text), s.now()).Count(&links).Error
	if err != nil {
		return fmt.Errorf("read set-up link: %w", err)
	}
	if !needed || links == 0 {
		return errSetUp
	}
	return nil
}

// SetUp makes the first workspace and its admin with the token of a set-up link. Every link
// dies with it.
func (s *Store) SetUp(ctx context.Context, text string, n NewWorkspace) (*Workspace, *Member, error) {
	if err := s.CheckSetupLink(ctx, text); err != nil {
		return nil, nil, err
	}
	actor := ActorOf(ctx)
	actor.Type, actor.Name = ActorMember, n.AdminName
	ctx = WithActor(ctx, actor)
	return s.makeWorkspace(ctx, n, func(tx *Store) error {
		if err := tx.CheckSetupLink(ctx, text); err != nil {
			return err
		}
		first, err := tx.claimInstallation(ctx)
		if err == nil && !first {
			return errSetUp
		}
		return err
	})
}

// claimInstallation notes that there is a workspace now and ends the links. It reports whether
// this transaction makes the first workspace of all: the row's lock lets only one say so.
func (s *Store) claimInstallation(ctx context.Context) (first bool, err error) {
	claim := s.with(ctx).Table("installation").Where("id = 1 AND set_up_at IS NULL").Update("set_up_at", s.now())
	if claim.Error != nil {
		return false, fmt.Errorf("claim installation: %w", claim.Error)
	}
	ended := s.with(ctx).Session(&gorm.Session{AllowGlobalUpdate: true}).Delete(&setupLink{})
	if ended.Error != nil {
		return false, fmt.Errorf("end set-up links: %w", ended.Error)
	}
	return claim.RowsAffected == 1, nil
}

// digestOf is how random texts that open something are stored.
func digestOf(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}
