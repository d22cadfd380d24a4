package models

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// DeletionDelay is how long ScheduleDeletion pauses a key before it is deleted.
const DeletionDelay = 24 * time.Hour

// noResume is the end of the pause of a key that will be deleted, or whose workspace was deleted. A node that
// hears of the deletion late, or not at all, must not accept the key in the meantime.
var noResume = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)

var (
	errScheduled    = Errorf(FailedPrecondition, "This key is scheduled for deletion. Cancel the deletion first.")
	errNotScheduled = Errorf(FailedPrecondition, "This key isn't scheduled for deletion.")
)

// isScheduledSQL is the condition for keys of which IsScheduledForDeletion reports true.
const isScheduledSQL = "deleted_at IS NULL AND delete_at IS NOT NULL AND paused_until > delete_at"

// IsScheduledForDeletion reports whether the key is paused until it is deleted at DeleteAt.
func (k *APIKey) IsScheduledForDeletion() bool {
	return k.DeletedAt == nil && k.DeleteAt != nil && k.PausedUntil != nil && k.PausedUntil.After(*k.DeleteAt)
}

// isDue reports whether the key is to be deleted at the given time or earlier.
func (k *APIKey) isDue(at time.Time) bool { return k.IsScheduledForDeletion() && !k.DeleteAt.After(at) }

// scheduledFor returns DeleteAt if the key is scheduled for deletion, and otherwise nil.
func (k *APIKey) scheduledFor() *time.Time {
	if !k.IsScheduledForDeletion() {
		return nil
	}
	return k.DeleteAt
}

// ScheduleDeletion pauses a key and schedules its deletion after DeletionDelay, and that of its descendants
// if c asks for that. When it returns, every node rejects them. DeleteScheduledKeys deletes them. Until
// then, ResumeAPIKey and CancelDeletion cancel the deletion of a key.
//
// It requires the same confirmation as DeleteAPIKey. It returns FailedPrecondition for a key that has
// expired, is being rotated, or is already scheduled for deletion.
func (s *Store) ScheduleDeletion(ctx context.Context, workspaceID, id string, c Confirmation) (*APIKey, error) {
	key, err := s.APIKey(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	challenge, err := s.forDeletion(ctx, key.DeletionChallenge(s.now()), key, c)
	if err != nil {
		return nil, err
	}
	if err := challenge.check(c); err != nil {
		return nil, err
	}
	now, err := s.databaseNow(ctx)
	if err != nil {
		return nil, err
	}
	var keys []*APIKey
	_, err = s.changeKeys(ctx, func(tx *Store) (_ []*APIKey, err error) {
		keys, err = tx.markScheduled(ctx, workspaceID, id, now.Add(DeletionDelay), c.Descendants)
		return keys, err
	})
	if err != nil {
		return nil, err
	}
	return keys[0], nil
}

// markScheduled schedules the deletion of a key, and of its descendants that aren't scheduled yet, and
// returns the changed keys.
func (s *Store) markScheduled(ctx context.Context, workspaceID, id string, at time.Time, descendants bool) ([]*APIKey, error) {
	ids, rows, err := s.lockDeleted(ctx, workspaceID, id, "", descendants)
	if err != nil {
		return nil, err
	}
	key, err := rows.existing(id)
	if err != nil {
		return nil, err
	}
	switch {
	case key.IsScheduledForDeletion():
		return nil, errScheduled
	case key.IsRotating():
		return nil, Errorf(FailedPrecondition, "This key is being rotated. Finish or cancel the rotation first.")
	case key.expiredAt(s.now()):
		return nil, errAlreadyRejected
	}
	var scheduled []*APIKey
	for _, id := range ids {
		key, err := rows.existing(id)
		if err != nil {
			return nil, err
		}
		if key.IsScheduledForDeletion() {
			continue
		}
		if err := s.schedule(ctx, key, at); err != nil {
			return nil, err
		}
		scheduled = append(scheduled, key)
	}
	return scheduled, nil
}

func (s *Store) schedule(ctx context.Context, key *APIKey, at time.Time) error {
	actor, err := s.actor(ctx)
	if err != nil {
		return err
	}
	key.setPause(s.now(), noResume, actor.Name)
	key.DeleteAt, key.DeleteAtByName = &at, actor.Name
	if err := s.updateExisting(ctx, key, key.pause()); err != nil {
		return err
	}
	if err := s.publishKey(ctx, APIKeyPausedEvent, key); err != nil {
		return err
	}
	return s.audit(ctx, key.WorkspaceID, "api_key.deletion_scheduled", key.target(), map[string]string{"delete_at": at.Format(time.RFC3339)})
}

// CancelDeletion cancels the scheduled deletion of a key, which stays paused for up to MaxPause. It returns
// FailedPrecondition if the key isn't scheduled for deletion.
func (s *Store) CancelDeletion(ctx context.Context, workspaceID, id string) (*APIKey, error) {
	var key *APIKey
	_, err := s.changeKeys(ctx, func(tx *Store) (_ []*APIKey, err error) {
		if key, err = tx.lockAPIKey(ctx, workspaceID, id); err != nil {
			return nil, err
		}
		if key.DeletedAt == nil && !key.IsScheduledForDeletion() {
			return nil, errNotScheduled
		}
		if err := tx.auditCancellation(ctx, key); err != nil {
			return nil, err
		}
		key.setPause(tx.now(), wholeSecond(tx.now().Add(MaxPause)), key.PausedByName)
		if err := tx.updateExisting(ctx, key, key.pause()); err != nil {
			return nil, err
		}
		return []*APIKey{key}, tx.publishKey(ctx, APIKeyPausedEvent, key)
	})
	if err != nil {
		return nil, err
	}
	return key, nil
}

// auditCancellation records that the scheduled deletion of a key is canceled, if there is one.
func (s *Store) auditCancellation(ctx context.Context, key *APIKey) error {
	if !key.IsScheduledForDeletion() {
		return nil
	}
	return s.audit(ctx, key.WorkspaceID, "api_key.deletion_canceled", key.target(),
		map[string]string{"delete_at": key.DeleteAt.UTC().Format(time.RFC3339), "scheduled_by": key.DeleteAtByName})
}

// maxDue limits how many keys one call of DeleteScheduledKeys deletes.
const maxDue = 1000

// DeleteScheduledKeys deletes the keys whose scheduled deletion is due, as DeleteAPIKey does, and returns
// their number. The receipt and the audit log name who scheduled the deletion. Several nodes may call it
// at the same time: each key is deleted once. A deletion that fails doesn't keep the others from being made.
func (s *Store) DeleteScheduledKeys(ctx context.Context) (deleted int, err error) {
	now, err := s.databaseNow(ctx)
	if err != nil {
		return 0, err
	}
	var due []APIKey
	if err := s.with(ctx).Where(isScheduledSQL+" AND delete_at <= ? AND "+ofPresentWorkspace, now).Order("delete_at, id").Limit(maxDue).Find(&due).Error; err != nil {
		return 0, fmt.Errorf("read scheduled deletions: %w", err)
	}
	var failed []error
	for i := range due {
		_, err := s.deleteAPIKey(asSystem(ctx), due[i].WorkspaceID, due[i].ID, deletion{dueAt: now})
		switch {
		case err == nil:
			deleted++
		case !IsKind(err, NotFound) && !errors.Is(err, errNotScheduled): // otherwise it was just deleted or canceled
			failed = append(failed, fmt.Errorf("delete %s: %w", due[i].ID, err))
		}
	}
	return deleted, errors.Join(failed...)
}
