package models

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// setupLinkLife is how long a setup link works. Each start of the server prints a new one.
const setupLinkLife = 24 * time.Hour

type setupLink struct {
	Digest    []byte
	ExpiresAt time.Time
	CreatedAt time.Time
}

// errSetupLink is returned for a link that was used, has expired, or never existed.
var errSetupLink = Errorf(NotFound, "This setup link was already used or has expired. Sign in. If no one has set up the server yet, restart it to get a new link.")

// NeedsSetup reports whether no workspace has been created yet.
func (s *Store) NeedsSetup(ctx context.Context) (bool, error) {
	var open int64
	err := s.with(ctx).Table("installation").Where("set_up_at IS NULL").Count(&open).Error
	if err != nil {
		return false, fmt.Errorf("read installation: %w", err)
	}
	return open == 1, nil
}

// NewSetupLink creates a link for creating the first workspace and returns its token. Links from
// other nodes keep working until one of them is used.
func (s *Store) NewSetupLink(ctx context.Context) (string, error) {
	token, now := rand.Text(), s.now()
	link := setupLink{Digest: digestOf(token), ExpiresAt: now.Add(setupLinkLife), CreatedAt: now}
	if err := s.with(ctx).Create(&link).Error; err != nil {
		return "", fmt.Errorf("insert setup link: %w", err)
	}
	return token, nil
}

// CheckSetupLink returns NotFound if SetUp would reject the token.
func (s *Store) CheckSetupLink(ctx context.Context, token string) error {
	needed, err := s.NeedsSetup(ctx)
	if err != nil {
		return err
	}
	var links int64
	err = s.with(ctx).Model(&setupLink{}).Where("digest = ? AND expires_at > ?", digestOf(token), s.now()).Count(&links).Error
	if err != nil {
		return fmt.Errorf("read setup link: %w", err)
	}
	if !needed || links == 0 {
		return errSetupLink
	}
	return nil
}

// SetUp creates the first workspace and its admin with the token of a setup link. All setup links
// stop working.
func (s *Store) SetUp(ctx context.Context, token string, n NewWorkspace) (*Workspace, *Member, error) {
	if err := s.CheckSetupLink(ctx, token); err != nil {
		return nil, nil, err
	}
	actor := ActorOf(ctx)
	actor.Type, actor.Name = ActorMember, normalName(n.AdminName)
	ctx = WithActor(ctx, actor)
	return s.createWorkspace(ctx, n, func(tx *Store) error {
		if err := tx.CheckSetupLink(ctx, token); err != nil {
			return err
		}
		first, err := tx.claimInstallation(ctx)
		if err == nil && !first {
			return errSetupLink
		}
		return err
	})
}

// claimInstallation marks the installation as set up and deletes the setup links. It reports
// whether this transaction creates the first workspace: the row's lock ensures that only one does.
func (s *Store) claimInstallation(ctx context.Context) (first bool, err error) {
	claim := s.with(ctx).Table("installation").Where("id = 1 AND set_up_at IS NULL").Update("set_up_at", s.now())
	if claim.Error != nil {
		return false, fmt.Errorf("claim installation: %w", claim.Error)
	}
	ended := s.with(ctx).Session(&gorm.Session{AllowGlobalUpdate: true}).Delete(&setupLink{})
	if ended.Error != nil {
		return false, fmt.Errorf("delete setup links: %w", ended.Error)
	}
	return claim.RowsAffected == 1, nil
}
