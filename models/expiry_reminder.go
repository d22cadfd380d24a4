package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

// ReminderDays are the numbers of days before an expiry at which a reminder is sent.
var ReminderDays = []int{14, 7, 1}

// expiryReminder records that a reminder was sent for one of ReminderDays. It applies to one expiry,
// so that a new expiry gets new reminders.
type expiryReminder struct {
	APIKeyID  string
	ExpiresAt time.Time
	Days      int
	CreatedAt time.Time
}

// reminderBatchSize is the number of keys read at a time.
const reminderBatchSize = 500

// RemindOfExpiry writes an event, and queues emails to the admins if emails are enabled, for each key
// that expires within 14, 7 or 1 days and has no such reminder yet. It returns the number of keys.
//
// Missed reminders are combined into the latest one. A key that was created with less time left gets
// no reminder, because its creator knows. Each reminder is sent once, even if several nodes call
// this at the same time.
func (s *Store) RemindOfExpiry(ctx context.Context) (int, error) {
	reminded := 0
	for {
		keys, err := s.expiringKeys(ctx)
		if err != nil {
			return reminded, err
		}
		for i := range keys {
			sent, err := s.remindOf(ctx, &keys[i])
			if err != nil {
				return reminded, err
			}
			if sent {
				reminded++
			}
		}
		if len(keys) < reminderBatchSize {
			return reminded, nil
		}
	}
}

func (s *Store) expiringKeys(ctx context.Context) ([]APIKey, error) {
	now := s.now()
	var keys []APIKey
	err := s.with(ctx).Where(ofPresentWorkspace).Where(`deleted_at IS NULL AND expires_at > @now AND expires_at <= @soon AND NOT EXISTS (
		SELECT 1 FROM expiry_reminders AS sent WHERE sent.api_key_id = api_keys.id AND sent.expires_at = api_keys.expires_at
		AND sent.days <= CASE WHEN api_keys.expires_at <= @day THEN 1 WHEN api_keys.expires_at <= @week THEN 7 ELSE 14 END)`,
		map[string]any{"now": now, "soon": now.Add(days(14)), "week": now.Add(days(7)), "day": now.Add(days(1))}).
		Order("expires_at, id").Limit(reminderBatchSize).Find(&keys).Error
	if err != nil {
		return nil, fmt.Errorf("read expiring API keys: %w", err)
	}
	return keys, nil
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// remindOf reports whether it sent a reminder for a key. It skips a key that was deleted or got a
// new expiry since it was read.
func (s *Store) remindOf(ctx context.Context, read *APIKey) (sent bool, err error) {
	err = s.Tx(ctx, func(tx *Store) error {
		key, err := tx.takeAPIKey(ctx, "id = ? AND deleted_at IS NULL AND expires_at = ? AND expires_at > ?", read.ID, *read.ExpiresAt, tx.now())
		if IsKind(err, NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		due := reminderAt(key.ExpiresAt.Sub(tx.now()))
		row := expiryReminder{APIKeyID: key.ID, ExpiresAt: *key.ExpiresAt, Days: due, CreatedAt: tx.now()}
		insert := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
		if insert.Error != nil {
			return fmt.Errorf("write expiry reminder: %w", insert.Error)
		}
		if insert.RowsAffected == 0 || key.ExpiresAt.Sub(key.CreatedAt) < days(due) {
			return nil // another node sent it, or none is needed
		}
		sent = true
		if err := tx.publishKey(ctx, APIKeyExpiringEvent, key); err != nil {
			return err
		}
		return tx.addExpiryEmails(ctx, key)
	})
	return sent, err
}

// reminderAt returns the smallest of ReminderDays that is at least the time left.
func reminderAt(left time.Duration) int {
	least := ReminderDays[0]
	for _, n := range ReminderDays {
		if left <= days(n) {
			least = n
		}
	}
	return least
}
