package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

// ReminderDays are how many days before its expiry a key is reminded of.
var ReminderDays = []int{14, 7, 1}

// expiryReminder is that a key's expiry was told of at one of ReminderDays. Another expiry has
// none yet, so that it is told of again.
type expiryReminder struct {
	APIKeyID  string
	ExpiresAt time.Time
	Days      int
	CreatedAt time.Time
}

// reminderPortion is how many keys are read at a time to be reminded of.
const reminderPortion = 500

// RemindOfExpiry writes an event, and asks for mails to the admins where mail is sent, for each
// key that expires within 14, 7 or 1 days and has not been reminded of for that. What was missed
// while nothing ran is told once, for the least of the days. A key that was made with less time
// than that is not reminded of: whoever made it knows. It returns how many it has reminded of.
// However many nodes do this at once, each reminder is written once.
func (s *Store) RemindOfExpiry(ctx context.Context) (int, error) {
	reminded := 0
	for {
		keys, err := s.keysToRemindOf(ctx)
		if err != nil {
			return reminded, err
		}
		for i := range keys {
			told, err := s.remindOf(ctx, &keys[i])
			if err != nil {
				return reminded, err
			}
			if told {
				reminded++
			}
		}
		if len(keys) < reminderPortion {
			return reminded, nil
		}
	}
}

func (s *Store) keysToRemindOf(ctx context.Context) ([]APIKey, error) {
	now := s.now()
	var keys []APIKey
	err := s.with(ctx).Where(`deleted_at IS NULL AND expires_at > @now AND expires_at <= @soon AND NOT EXISTS (
		SELECT 1 FROM expiry_reminders AS told WHERE told.api_key_id = api_keys.id AND told.expires_at = api_keys.expires_at
		AND told.days <= CASE WHEN api_keys.expires_at <= @day THEN 1 WHEN api_keys.expires_at <= @week THEN 7 ELSE 14 END)`,
		map[string]any{"now": now, "soon": now.Add(days(14)), "week": now.Add(days(7)), "day": now.Add(days(1))}).
		Order("expires_at, id").Limit(reminderPortion).Find(&keys).Error
	if err != nil {
		return nil, fmt.Errorf("read API keys that expire: %w", err)
	}
	return keys, nil
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// remindOf reports whether somebody is reminded of the expiry of a key now, by this node. One that
// was deleted or got another expiry since it was read is left for the next time.
func (s *Store) remindOf(ctx context.Context, read *APIKey) (told bool, err error) {
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
			return nil // another node has told of it, or nobody need be
		}
		told = true
		if err := tx.publish(ctx, key.WorkspaceID, APIKeyExpiringEvent, key.Wire()); err != nil {
			return err
		}
		return tx.addExpiryEmails(ctx, key)
	})
	return told, err
}

// reminderAt is the least of ReminderDays that is not less than what is left.
func reminderAt(left time.Duration) int {
	least := ReminderDays[0]
	for _, n := range ReminderDays {
		if left <= days(n) {
			least = n
		}
	}
	return least
}
