package models

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"time"
)

// Limits of the emails that people can make this server send.
const (
	emailCooldown           = 10 * time.Minute // between two emails to one person, from any workspace
	maxDailyEmailsToOne     = 5                // from one workspace to one person
	MaxDailyWorkspaceEmails = 200              // from one workspace
	maxDailyLinks           = 10               // to one address: each of them works, so more would be no help
	maxDailyNotices         = 10               // to one address; the others are sent later
	emailLimitPeriod        = 24 * time.Hour
	errEmailedRecently      = "This address was emailed recently. Wait %s before you email it again, or share an invite link."
	errEmailQuota           = "This workspace has sent %d emails in a day. Wait %s before you send more, or share invite links."
	errEmailedOften         = "This workspace has emailed this address %d times in a day. Wait %s before you email it again, or share an invite link."
)

// emailLimit counts the emails of a subject: a recipient, a workspace, or both. Recipients are hashed,
// because the counts outlive their membership.
type emailLimit struct {
	Subject  string `gorm:"primaryKey"`
	Sent     int
	ResetsAt time.Time
}

// countEmail is an upsert that counts an email unless the limit is reached.
const countEmail = `INSERT INTO email_limits AS old (subject, sent, resets_at) VALUES (@subject, 1, @resets)
ON CONFLICT (subject) DO UPDATE SET
	sent = CASE WHEN old.resets_at <= @now THEN 1 ELSE old.sent + 1 END,
	resets_at = CASE WHEN old.resets_at <= @now THEN excluded.resets_at ELSE old.resets_at END
WHERE old.resets_at <= @now OR old.sent < @max`

// quota is a limit for the emails of a subject. Its message says how long to wait.
type quota struct {
	subject string
	max     int
	period  time.Duration
	message func(wait string) string
}

// takeEmail counts an email to a member. It returns RateLimited if the recipient or the workspace has
// had too many.
func (s *Store) takeEmail(ctx context.Context, member *Member) error {
	recipient := recipientSubject("recipient", member.User.Email)
	return s.take(ctx,
		quota{recipient, 1, emailCooldown, func(wait string) string { return fmt.Sprintf(errEmailedRecently, wait) }},
		quota{recipient + "@" + member.WorkspaceID, maxDailyEmailsToOne, emailLimitPeriod, func(wait string) string {
			return fmt.Sprintf(errEmailedOften, maxDailyEmailsToOne, wait)
		}},
		quota{"workspace:" + member.WorkspaceID, MaxDailyWorkspaceEmails, emailLimitPeriod, func(wait string) string {
			return fmt.Sprintf(errEmailQuota, MaxDailyWorkspaceEmails, wait)
		}})
}

// takeLink counts an email of a kind with a link to an account. It returns RateLimited if the recipient has
// had too many.
func (s *Store) takeLink(ctx context.Context, kind AccountEmailKind, email string) error {
	subject := recipientSubject(string(kind), email)
	return s.take(ctx, quota{subject, 1, emailCooldown, accountEmailWait}, quota{subject + "@day", maxDailyLinks, emailLimitPeriod, accountEmailWait})
}

// takeNotice counts a notice about a change to an account. It returns RateLimited if the recipient has had
// too many.
func (s *Store) takeNotice(ctx context.Context, email string) error {
	return s.take(ctx, quota{recipientSubject("notice", email), maxDailyNotices, emailLimitPeriod, accountEmailWait})
}

func accountEmailWait(wait string) string {
	return "This address was emailed recently. Wait " + wait + "."
}

// take counts an email against each quota. It returns RateLimited if one is used up.
func (s *Store) take(ctx context.Context, quotas ...quota) error {
	for _, q := range quotas {
		now := s.now()
		counted := s.with(ctx).Exec(countEmail, map[string]any{"subject": q.subject, "now": now, "resets": now.Add(q.period), "max": q.max})
		if counted.Error != nil {
			return fmt.Errorf("count email: %w", counted.Error)
		}
		if counted.RowsAffected == 1 {
			continue
		}
		var row emailLimit
		if err := s.with(ctx).Where("subject = ?", q.subject).Take(&row).Error; err != nil {
			return fmt.Errorf("read email limit: %w", err)
		}
		wait := row.ResetsAt.Sub(now)
		return &Error{Kind: RateLimited, Message: q.message(inMinutes(wait)), RetryAfter: wait}
	}
	return nil
}

// recipientSubject returns the subject of a recipient for one kind of limit.
func recipientSubject(kind, email string) string {
	return kind + ":" + hex.EncodeToString(digestOf(mailbox(email)))
}

// inMinutes returns a duration in words, rounded up to minutes.
func inMinutes(d time.Duration) string {
	if minutes := int(math.Ceil(d.Minutes())); minutes != 1 {
		return fmt.Sprintf("%d minutes", minutes)
	}
	return "1 minute"
}

// mailbox returns an email without the tag after a plus sign, which many servers deliver to the same
// person.
func mailbox(email string) string {
	email = normalEmail(email)
	at := strings.LastIndex(email, "@")
	if at < 0 {
		return email
	}
	local, _, _ := strings.Cut(email[:at], "+")
	return local + email[at:]
}
