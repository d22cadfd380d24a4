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
	// emailClaim is how long a node has to send an email before another node may claim it.
	emailClaim = 2 * time.Minute
	// emailRetry is the wait after the first failed attempt. It doubles with each attempt up to
	// emailRetryMax.
	emailRetry    = 30 * time.Second
	emailRetryMax = time.Hour
)

// EmailFailure says why an attempt to send an email failed.
type EmailFailure string

// The failures.
const (
	EmailUnreachable EmailFailure = "unreachable" // the mail server was unreachable or busy; the email is sent again later
	EmailRejected    EmailFailure = "refused"     // the mail server doesn't accept the recipient; the email is dropped
)

// Email is an email to a person. It is about a membership, with an Invitation, ExpiringKeys, or Notifications, or
// about an account or its Workspace, with a Kind.
type Email struct {
	To            string
	Member        *Member        // with its user and workspace
	Invitation    *Invitation    // with a link created for this email
	ExpiringKeys  []APIKey       // the first to expire comes first
	Notifications []Notification // oldest first

	Kind               AccountEmailKind
	User               *User        // whose account it is about
	Link               *AccountLink // created for this email, if the kind has one
	NewEmail           string       // of the account, if it was changed
	RequestedAt        time.Time
	Address, UserAgent string     // of a new device
	Workspace          *Workspace // that was deleted or restored
	By                 string     // who deleted it; may be empty

	queue        emailQueue
	key          string
	claimedUntil time.Time
	attempts     int
}

// emailQueue is a table with emails of one kind to send. The rows with the same key that are due together
// are one email.
type emailQueue struct {
	model           func() any // returns a new row: GORM stores the values of an update in it
	key             string     // column
	due             string     // condition for rows that are due at @now
	dueAt, attempts string     // columns
	// prepare completes a claimed email and reports whether there is still something to send.
	prepare func(s *Store, ctx context.Context, email *Email) (bool, error)
}

var (
	invitationEmails   = emailQueue{func() any { return new(invitation) }, "member_id", "mail_due_at <= @now AND expires_at > @now AND " + ofActiveMember, "mail_due_at", "mail_attempts", (*Store).prepareInvitation}
	expiryEmails       = emailQueue{func() any { return new(expiryEmail) }, "member_id", "due_at <= @now", "due_at", "attempts", (*Store).prepareExpiryEmail}
	notificationEmails = emailQueue{func() any { return new(notificationEmail) }, "member_id", "due_at <= @now", "due_at", "attempts", (*Store).prepareNotificationEmail}
	accountEmails      = emailQueue{func() any { return new(accountEmail) }, "id", "due_at <= @now AND expires_at > @now", "due_at", "attempts", (*Store).prepareAccountEmail}
)

// ClaimEmail returns an email that is due, or nil if there is none. No other node gets it for two
// minutes. Report the result of sending it with FinishEmail.
func (s *Store) ClaimEmail(ctx context.Context) (*Email, error) {
	for _, queue := range []emailQueue{invitationEmails, expiryEmails, accountEmails, notificationEmails} {
		email, err := s.claimEmail(ctx, queue)
		if email != nil || err != nil {
			return email, err
		}
	}
	return nil, nil
}

// claimEmail returns the email of a queue that has been due longest. It returns nil if there is
// none, if another node claimed it first, or if it has become pointless.
func (s *Store) claimEmail(ctx context.Context, queue emailQueue) (claimed *Email, err error) {
	err = s.queueTx(ctx, func(tx *Store) error {
		var row struct {
			RowKey   string
			Attempts int
		}
		due := map[string]any{"now": tx.now()}
		err := tx.with(ctx).Model(queue.model()).Select(queue.key+" AS row_key, "+queue.attempts+" AS attempts").Where(queue.due, due).Order(queue.dueAt).Take(&row).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read due email: %w", err)
		}
		email := &Email{queue: queue, key: row.RowKey, claimedUntil: tx.now().Add(emailClaim), attempts: row.Attempts + 1}
		update := tx.with(ctx).Model(queue.model()).Where(queue.key+" = ?", row.RowKey).Where(queue.due, due).
			Updates(map[string]any{queue.dueAt: email.claimedUntil, queue.attempts: email.attempts})
		if update.Error != nil {
			return fmt.Errorf("claim email: %w", update.Error)
		}
		if update.RowsAffected == 0 {
			return nil
		}
		useful, err := queue.prepare(tx, ctx, email)
		if err != nil {
			return err
		}
		if !useful {
			return tx.FinishEmail(ctx, email, "")
		}
		if row.Attempts == 0 {
			limited := new(Error)
			switch err := tx.takeClaimed(ctx, email); {
			case errors.As(err, &limited):
				return tx.deferEmail(ctx, email, tx.now().Add(limited.RetryAfter))
			case err != nil:
				return err
			}
		}
		claimed = email
		return nil
	})
	return claimed, err
}

// takeClaimed counts a claimed email, unless it was counted when it was requested or prepared.
func (s *Store) takeClaimed(ctx context.Context, email *Email) error {
	switch {
	case email.Workspace != nil:
		return s.takeNotifications(ctx, &Member{WorkspaceID: email.Workspace.ID, User: *email.User})
	case email.Kind != "" && email.Link == nil:
		return s.takeNotice(ctx, email.To)
	case email.ExpiringKeys != nil:
		return s.takeEmail(ctx, email.Member)
	case email.Notifications != nil:
		return s.takeNotifications(ctx, email.Member)
	}
	return nil
}

// deferEmail makes a claimed email due later, as if no one had tried to send it.
func (s *Store) deferEmail(ctx context.Context, email *Email, until time.Time) error {
	update := s.with(ctx).Model(email.queue.model()).Where(email.queue.key+" = ? AND "+email.queue.dueAt+" = ?", email.key, email.claimedUntil).
		Updates(map[string]any{email.queue.dueAt: until, email.queue.attempts: 0})
	if update.Error != nil {
		return fmt.Errorf("defer email: %w", update.Error)
	}
	return nil
}

// FinishEmail records the result of sending a claimed email: failure is empty if it was sent.
// After EmailUnreachable it is due again later. Nothing is recorded if another node has claimed
// the email since, or if a new invitation has replaced it.
func (s *Store) FinishEmail(ctx context.Context, email *Email, failure EmailFailure) error {
	now, err := s.databaseNow(ctx)
	if err != nil {
		return err
	}
	retryAt := now.Add(min(emailRetry<<min(email.attempts-1, 10), emailRetryMax))
	claimed := s.with(ctx).Model(email.queue.model()).Where(email.queue.key+" = ? AND "+email.queue.dueAt+" = ?", email.key, email.claimedUntil)
	var finish *gorm.DB
	switch {
	case email.Invitation != nil:
		finish = claimed.Where("digest = ?", digestOf(email.Invitation.Token)).Updates(invitationAfter(failure, now, retryAt))
	case failure == EmailUnreachable:
		finish = claimed.Update(email.queue.dueAt, retryAt)
	default:
		finish = claimed.Delete(email.queue.model())
	}
	if finish.Error != nil {
		return fmt.Errorf("record sent email: %w", finish.Error)
	}
	return nil
}

// prepareInvitation gives the invitation its link: only a sent email ever contains it.
func (s *Store) prepareInvitation(ctx context.Context, email *Email) (bool, error) {
	if err := s.addressToMember(ctx, email); err != nil {
		return false, err
	}
	token := rand.Text()
	var row invitation
	if err := s.with(ctx).Where("member_id = ?", email.Member.ID).Take(&row).Error; err != nil {
		return false, fmt.Errorf("read invitation to send: %w", err)
	}
	if err := s.with(ctx).Model(&row).Update("digest", digestOf(token)).Error; err != nil {
		return false, fmt.Errorf("store invitation link: %w", err)
	}
	email.Invitation = &Invitation{Token: token, Member: email.Member, ExpiresAt: row.ExpiresAt}
	return true, nil
}

// addressToMember addresses an email to the member that its key names.
func (s *Store) addressToMember(ctx context.Context, email *Email) error {
	member, err := s.invitedMember(ctx, email.key)
	if err != nil {
		return err
	}
	email.Member, email.To = member, member.User.Email
	return nil
}

// invitationAfter returns the changes to an invitation after an attempt to send it.
func invitationAfter(failure EmailFailure, now, retryAt time.Time) map[string]any {
	changes := map[string]any{"mail_due_at": nil, "mail_failure": failure}
	switch failure {
	case "":
		changes["mailed_at"] = now
	case EmailUnreachable:
		changes["mail_due_at"] = retryAt
	}
	return changes
}
