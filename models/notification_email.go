package models

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// KeyExpiringNotice is the kind of emails about keys that expire soon, which aren't notifications.
const KeyExpiringNotice NotificationKind = "key_expiring"

// MutableEmails are the kinds of emails that people can turn off. Emails about their account aren't among them.
var MutableEmails = []NotificationKind{KeyCreatedNotice, KeyWidenedNotice, KeyDeletedNotice, KeyFoundLeakedNotice, KeyRejectedNotice, KeyNewCallerNotice, KeyExpiringNotice}

// Limits of the emails with notifications, so that neither a key nor an admin can use them to flood an inbox. What is
// over a limit is sent later, together.
const (
	maxHourlyNotifications          = 4   // to one person
	maxDailyNotifications           = 20  // to one person
	maxHourlyWorkspaceNotifications = 60  // from one workspace
	maxDailyWorkspaceNotifications  = 300 // from one workspace
)

// notificationEmail is a notification that a member has yet to be emailed about.
type notificationEmail struct {
	MemberID       string
	NotificationID string
	DueAt          time.Time
	Attempts       int
}

// addNotificationEmails requests an email about notifications to everyone who can manage keys, if this server sends
// email.
func (s *Store) addNotificationEmails(ctx context.Context, rows []notification) error {
	if !s.sendsEmail || len(rows) == 0 {
		return nil
	}
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	err := s.with(ctx).Exec(`INSERT INTO notification_emails (member_id, notification_id, due_at, attempts)
		SELECT members.id, notifications.id, notifications.created_at, 0
		FROM notifications JOIN members ON members.workspace_id = notifications.workspace_id
		WHERE notifications.id IN ? AND members.role IN ? AND members.deactivated_at IS NULL AND NOT members.pending`,
		ids, rolesWith(ManageKeys)).Error
	if err != nil {
		return fmt.Errorf("request notification emails: %w", err)
	}
	return nil
}

// prepareNotificationEmail reads the notifications to list. Someone who can no longer manage keys gets no email, and
// no one gets one that they have turned off.
func (s *Store) prepareNotificationEmail(ctx context.Context, email *Email) (bool, error) {
	if err := s.addressToMember(ctx, email); err != nil {
		return false, err
	}
	rows, err := s.readNotifications(s.with(ctx).Table("notifications").
		Joins("JOIN notification_emails ON notification_emails.notification_id = notifications.id").
		Where("notification_emails.member_id = ? AND notification_emails.due_at = ?", email.Member.ID, email.claimedUntil).Order("notifications.id"))
	if err != nil {
		return false, err
	}
	email.Notifications = slices.DeleteFunc(rows, func(n Notification) bool { return !email.Member.User.WantsEmail(n.Kind) })
	return len(email.Notifications) > 0 && email.Member.May(ManageKeys), nil
}

// takeNotifications counts an email with notifications to a member. It returns RateLimited if the recipient or the
// workspace has had too many.
func (s *Store) takeNotifications(ctx context.Context, member *Member) error {
	recipient, workspace := recipientSubject("notifications", member.User.Email), "notifications:"+member.WorkspaceID
	return s.take(ctx,
		quota{recipient + "@hour", maxHourlyNotifications, time.Hour, accountEmailWait},
		quota{recipient + "@day", maxDailyNotifications, emailLimitPeriod, accountEmailWait},
		quota{workspace + "@hour", maxHourlyWorkspaceNotifications, time.Hour, accountEmailWait},
		quota{workspace + "@day", maxDailyWorkspaceNotifications, emailLimitPeriod, accountEmailWait})
}

// WantsEmail reports whether the user gets emails of a kind.
func (u *User) WantsEmail(kind NotificationKind) bool {
	return !slices.Contains(strings.Fields(u.MutedEmails), string(kind))
}

// ChangeEmails turns on the emails of the given kinds to a user and turns off the others of MutableEmails.
func (s *Store) ChangeEmails(ctx context.Context, userID string, wanted []string) error {
	var muted []string
	for _, kind := range MutableEmails {
		if !slices.Contains(wanted, string(kind)) {
			muted = append(muted, string(kind))
		}
	}
	for _, name := range wanted {
		if !slices.Contains(MutableEmails, NotificationKind(name)) {
			return Errorf(Invalid, "There is no such email to turn on. Reload the page and try again.")
		}
	}
	return s.Tx(ctx, func(tx *Store) error {
		user, err := tx.User(ctx, userID)
		if err != nil {
			return err
		}
		text := strings.Join(muted, " ")
		if user.MutedEmails == text {
			return nil
		}
		if err := tx.with(ctx).Model(&User{}).Where("id = ?", userID).Update("muted_emails", text).Error; err != nil {
			return fmt.Errorf("update user: %w", err)
		}
		return tx.auditUser(ctx, user, "user.emails_changed", map[string]string{"turned_off": text})
	})
}
