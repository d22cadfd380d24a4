package models

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

const (
	// mailClaim is how long whoever takes an invitation has to mail it, before another may.
	mailClaim = 2 * time.Minute
	// mailRetry is the wait after a first failure. It doubles from one to the next.
	mailRetry     = 30 * time.Second
	mailRetryMost = time.Hour
)

// MailFailure says why a mail was not delivered.
type MailFailure string

// The failures.
const (
	MailUnreachable MailFailure = "unreachable" // the mail server could not be reached or had no time; it is tried again
	MailRefused     MailFailure = "refused"     // the mail server knows no such address; it is not tried again
)

// NextInvitation is an invitation that is due to be mailed, with a link made just now, or nil
// if there is none. No other node gets it for a while. Tell MailedInvitation how it went.
func (s *Store) NextInvitation(ctx context.Context) (*Invitation, error) {
	var next *Invitation
	err := s.Tx(ctx, func(tx *Store) error {
		now := tx.now()
		var due invitation
		err := tx.with(ctx).Where("mail_due_at <= ? AND expires_at > ?", now, now).Order("mail_due_at").Take(&due).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read due invitation: %w", err)
		}
		next, err = tx.claimInvitation(ctx, &due)
		return err
	})
	return next, err
}

// claimInvitation is nil if another node was quicker.
func (s *Store) claimInvitation(ctx context.Context, due *invitation) (*Invitation, error) {
	token := rand.Text()
	claim := s.with(ctx).Model(&invitation{}).Where("member_id = ? AND mail_due_at = ?", due.MemberID, *due.MailDueAt).
		Updates(map[string]any{"digest": digestOf(token), "mail_due_at": s.now().Add(mailClaim), "mail_attempts": due.MailAttempts + 1})
	if claim.Error != nil {
		return nil, fmt.Errorf("claim invitation: %w", claim.Error)
	}
	if claim.RowsAffected == 0 {
		return nil, nil
	}
	member, err := s.invitedMember(ctx, due.MemberID)
	if err != nil {
		return nil, err
	}
	return &Invitation{Token: token, Member: member, ExpiresAt: due.ExpiresAt}, nil
}

// MailedInvitation notes how the mailing of an invitation went: failure is empty if it was
// mailed. After MailUnreachable it is due again a while later, until it expires.
func (s *Store) MailedInvitation(ctx context.Context, mailed *Invitation, failure MailFailure) error {
	return s.Tx(ctx, func(tx *Store) error {
		var row invitation
		err := tx.with(ctx).Where("member_id = ? AND digest = ?", mailed.Member.ID, digestOf(mailed.Token)).Take(&row).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return nil // replaced, or accepted, in the meantime
		}
		if err != nil {
			return fmt.Errorf("read mailed invitation: %w", err)
		}
		update := tx.with(ctx).Model(&row).Where("member_id = ?", row.MemberID).Updates(row.after(failure, tx.now()))
		if update.Error != nil {
			return fmt.Errorf("note mailed invitation: %w", update.Error)
		}
		return nil
	})
}

// after is what changes in i when an attempt to mail it has ended.
func (i invitation) after(failure MailFailure, now time.Time) map[string]any {
	changes := map[string]any{"mail_due_at": nil, "mail_failure": failure}
	switch failure {
	case "":
		changes["mailed_at"] = now
	case MailUnreachable:
		changes["mail_due_at"] = now.Add(min(mailRetry<<min(i.MailAttempts-1, 10), mailRetryMost))
	}
	return changes
}
