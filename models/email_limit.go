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

// takeEmail counts an email to a member. It returns RateLimited if the recipient or the workspace has
// had too many.
func (s *Store) takeEmail(ctx context.Context, member *Member) error {
	recipient := "recipient:" + hex.EncodeToString(digestOf(mailbox(member.User.Email)))
	for _, limit := range []struct {
		subject string
		max     int
		period  time.Duration
		message func(wait string) string
	}{
		{recipient, 1, emailCooldown, func(wait string) string { return fmt.Sprintf(errEmailedRecently, wait) }},
		{recipient + "@" + member.WorkspaceID, maxDailyEmailsToOne, emailLimitPeriod, func(wait string) string {
			return fmt.Sprintf(errEmailedOften, maxDailyEmailsToOne, wait)
		}},
		{"workspace:" + member.WorkspaceID, MaxDailyWorkspaceEmails, emailLimitPeriod, func(wait string) string {
			return fmt.Sprintf(errEmailQuota, MaxDailyWorkspaceEmails, wait)
		}},
	} {
		now := s.now()
		counted := s.with(ctx).Exec(countEmail, map[string]any{"subject": limit.subject, "now": now, "resets": now.Add(limit.period), "max": limit.max})
		if counted.Error != nil {
			return fmt.Errorf("count email: %w", counted.Error)
		}
		if counted.RowsAffected == 1 {
			continue
		}
		var row emailLimit
		if err := s.with(ctx).Where("subject = ?", limit.subject).Take(&row).Error; err != nil {
			return fmt.Errorf("read email limit: %w", err)
		}
		wait := row.ResetsAt.Sub(now)
		return &Error{Kind: RateLimited, Message: limit.message(inMinutes(wait)), RetryAfter: wait}
	}
	return nil
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
