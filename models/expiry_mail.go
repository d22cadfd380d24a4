package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// expiryMail is a key of whose expiry an admin is still to be mailed.
type expiryMail struct {
	MemberID  string
	APIKeyID  string
	ExpiresAt time.Time // as it was when the mail was asked for
	DueAt     time.Time
	Attempts  int
}

// ExpiryMail tells an admin which keys of a workspace expire soon.
type ExpiryMail struct {
	Member  *Member  // with the workspace and the user
	Keys    []APIKey // the next to expire first
	claimed time.Time
	tried   int
}

// addExpiryMails asks for a mail to each admin of the workspace of key who has joined, where mail is sent.
func (s *Store) addExpiryMails(ctx context.Context, key *APIKey) error {
	if !s.mails {
		return nil
	}
	var admins []Member
	if err := s.with(ctx).Where("workspace_id = ? AND role = ? AND deactivated_at IS NULL AND NOT pending", key.WorkspaceID, Admin).Find(&admins).Error; err != nil {
		return fmt.Errorf("read admins to mail: %w", err)
	}
	again := clause.OnConflict{Columns: []clause.Column{{Name: "member_id"}, {Name: "api_key_id"}}, UpdateAll: true}
	for _, admin := range admins {
		row := expiryMail{MemberID: admin.ID, APIKeyID: key.ID, ExpiresAt: *key.ExpiresAt, DueAt: s.now()}
		if err := s.with(ctx).Clauses(again).Create(&row).Error; err != nil {
			return fmt.Errorf("ask for expiry mail: %w", err)
		}
	}
	return nil
}

// NextExpiryMail is a mail that is due, with all keys that its admin is to be told of, or nil if
// there is none. No other node gets it for a while. Tell MailedExpiry how it went.
func (s *Store) NextExpiryMail(ctx context.Context) (*ExpiryMail, error) {
	var next *ExpiryMail
	err := s.Tx(ctx, func(tx *Store) error {
		var due expiryMail
		err := tx.with(ctx).Where("due_at <= ?", tx.now()).Order("due_at").Take(&due).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read due expiry mail: %w", err)
		}
		next, err = tx.claimExpiryMail(ctx, due)
		return err
	})
	return next, err
}

// claimExpiryMail is nil if another node was quicker, or there is nothing to tell any more.
func (s *Store) claimExpiryMail(ctx context.Context, due expiryMail) (*ExpiryMail, error) {
	mail := &ExpiryMail{claimed: s.now().Add(mailClaim), tried: due.Attempts + 1}
	claim := s.with(ctx).Model(&expiryMail{}).Where("member_id = ? AND due_at <= ?", due.MemberID, s.now()).
		Updates(map[string]any{"due_at": mail.claimed, "attempts": mail.tried})
	if claim.Error != nil || claim.RowsAffected == 0 {
		return nil, claim.Error
	}
	member, err := s.invitedMember(ctx, due.MemberID)
	if err != nil {
		return nil, err
	}
	mail.Member = member
	err = s.with(ctx).Where(`workspace_id = ? AND deleted_at IS NULL AND expires_at > ? AND EXISTS (
		SELECT 1 FROM expiry_mails AS mail WHERE mail.api_key_id = api_keys.id AND mail.member_id = ? AND mail.due_at = ? AND mail.expires_at = api_keys.expires_at)`,
		member.WorkspaceID, s.now(), member.ID, mail.claimed).Order("expires_at, id").Find(&mail.Keys).Error
	if err != nil {
		return nil, fmt.Errorf("read API keys to mail of: %w", err)
	}
	if len(mail.Keys) == 0 || !member.IsAdmin() {
		return nil, s.forgetExpiryMail(ctx, mail)
	}
	return mail, nil
}

// MailedExpiry notes how a mail went; without a failure it was taken. One that the server will
// never take is given up; after any other failure it is due again a while later.
func (s *Store) MailedExpiry(ctx context.Context, mail *ExpiryMail, failure MailFailure) error {
	if failure == "" || failure == MailRefused {
		return s.forgetExpiryMail(ctx, mail)
	}
	wait := min(mailRetry<<min(mail.tried-1, 10), mailRetryMost)
	err := s.with(ctx).Model(&expiryMail{}).Where("member_id = ? AND due_at = ?", mail.Member.ID, mail.claimed).Update("due_at", s.now().Add(wait)).Error
	if err != nil {
		return fmt.Errorf("put off expiry mail: %w", err)
	}
	return nil
}

func (s *Store) forgetExpiryMail(ctx context.Context, mail *ExpiryMail) error {
	if err := s.with(ctx).Where("member_id = ? AND due_at = ?", mail.Member.ID, mail.claimed).Delete(&expiryMail{}).Error; err != nil {
		return fmt.Errorf("forget expiry mail: %w", err)
	}
	return nil
}
