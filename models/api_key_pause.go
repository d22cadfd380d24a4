package models

import (
	"context"
	"fmt"
	"time"

	"github.com/skipup/keys/models/usage"
)

// MaxPause is the longest time that a key can be paused for.
const MaxPause = 90 * 24 * time.Hour

// PauseAPIKey rejects requests with a key until the given time, rounded up to a whole second. When
// it returns, every node rejects the key. Pausing a paused key changes the end of its pause. It returns
// FailedPrecondition for a key that has expired or is scheduled for deletion.
func (s *Store) PauseAPIKey(ctx context.Context, workspaceID, id string, until time.Time) (*APIKey, error) {
	if err := s.checkPause(until); err != nil {
		return nil, err
	}
	until = wholeSecond(until)
	var key *APIKey
	_, err := s.changeKeys(ctx, func(tx *Store) (_ []*APIKey, err error) {
		key, err = tx.markPaused(ctx, workspaceID, id, until)
		return []*APIKey{key}, err
	})
	if err != nil {
		return nil, err
	}
	return key, nil
}

func (s *Store) checkPause(until time.Time) error {
	fields := Fields{}
	switch now := s.now(); {
	case !until.After(now):
		fields.add("until", "must be in the future")
	case until.After(now.Add(MaxPause)):
		fields.add("until", "must be within 90 days. To stop the key for good, delete it")
	}
	return fields.err()
}

// wholeSecond rounds at up to a whole second, because nodes keep the end of a pause in seconds.
func wholeSecond(at time.Time) time.Time {
	whole := at.UTC().Truncate(time.Second)
	if whole.Before(at) {
		whole = whole.Add(time.Second)
	}
	return whole
}

var errAlreadyRejected = Errorf(FailedPrecondition, "This key has expired, so its requests are already rejected.")

func (s *Store) markPaused(ctx context.Context, workspaceID, id string, until time.Time) (*APIKey, error) {
	key, err := s.lockAPIKey(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	switch {
	case key.IsScheduledForDeletion():
		return nil, errScheduled
	case key.DeletedAt == nil && key.expiredAt(s.now()):
		return nil, errAlreadyRejected
	}
	actor, err := s.actor(ctx)
	if err != nil {
		return nil, err
	}
	key.setPause(s.now(), until, actor.Name)
	if err := s.updateExisting(ctx, key, key.pause()); err != nil {
		return nil, err
	}
	if err := s.publishKey(ctx, APIKeyPausedEvent, key); err != nil {
		return nil, err
	}
	return key, s.audit(ctx, workspaceID, "api_key.paused", key.target(), map[string]string{"until": until.Format(time.RFC3339)})
}

// setPause pauses k, or makes its pause longer or shorter, and clears a scheduled deletion.
func (k *APIKey) setPause(now, until time.Time, by string) {
	if !k.pausedAt(now) {
		k.PausedAt = &now
	}
	k.PausedUntil, k.PausedByName, k.UpdatedAt = &until, by, now
	k.DeleteAt, k.DeleteAtByName = nil, ""
}

// ResumeAPIKey ends the pause of a key, and cancels its scheduled deletion. When it returns, every node
// accepts the key, even if it was not paused: a concurrent call may just have resumed it. It returns
// Forbidden if a key resumes a key with scopes that it lacks.
func (s *Store) ResumeAPIKey(ctx context.Context, workspaceID, id string) (*APIKey, error) {
	key, err := s.APIKey(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	if key.DeletedAt == nil && !key.pausedAt(s.now()) {
		_, err := s.awaitEpoch(ctx)
		return key, err
	}
	_, err = s.changeKeys(ctx, func(tx *Store) (_ []*APIKey, err error) {
		key, err = tx.markResumed(ctx, workspaceID, id)
		return []*APIKey{key}, err
	})
	if err != nil {
		return nil, err
	}
	return key, nil
}

func (s *Store) markResumed(ctx context.Context, workspaceID, id string) (*APIKey, error) {
	key, actor, err := s.lockForActor(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	if err := s.checkGrant(actor, nil, KeyAccess{ExpiresAt: key.ExpiresAt, RateLimit: key.RateLimit, Allowlist: key.Allowlist}, key.Access()); err != nil {
		return nil, err
	}
	if err := s.auditCancellation(ctx, key); err != nil {
		return nil, err
	}
	details := map[string]string{}
	if key.PausedUntil != nil && !key.IsScheduledForDeletion() {
		details["paused_until"] = key.PausedUntil.UTC().Format(time.RFC3339)
	}
	key.PausedAt, key.PausedUntil, key.PausedByName, key.UpdatedAt = nil, nil, "", s.now()
	key.DeleteAt, key.DeleteAtByName = nil, ""
	if err := s.updateExisting(ctx, key, key.pause()); err != nil {
		return nil, err
	}
	if err := s.publishKey(ctx, APIKeyResumedEvent, key); err != nil {
		return nil, err
	}
	return key, s.audit(ctx, workspaceID, "api_key.resumed", key.target(), details)
}

// pause returns the columns of a pause and of a scheduled deletion with their values.
func (k *APIKey) pause() map[string]any {
	return map[string]any{
		"paused_at": k.PausedAt, "paused_until": k.PausedUntil, "paused_by_name": k.PausedByName,
		"delete_at": k.DeleteAt, "delete_at_by_name": k.DeleteAtByName,
	}
}

// PausedUntilResumed reports whether the pause ends only when someone resumes the key, as after the deletion of its
// workspace.
func (k *APIKey) PausedUntilResumed() bool {
	return k.PausedUntil != nil && k.PausedUntil.Equal(noResume) && !k.IsScheduledForDeletion()
}

// RejectedSincePause counts the requests with a paused key that were rejected since its pause began.
func (s *Store) RejectedSincePause(ctx context.Context, key *APIKey) (count int64, err error) {
	if !key.pausedAt(s.now()) || key.PausedAt == nil {
		return 0, nil
	}
	err = s.with(ctx).Table(periodTables[usage.Hourly]).Select("CAST(COALESCE(sum(requests), 0) AS bigint)").
		Where("workspace_id = ? AND api_key_id = ? AND starts_at >= ? AND refusal = ?",
			key.WorkspaceID, key.ID, key.PausedAt.Truncate(time.Hour), usage.RejectedPaused).Scan(&count).Error
	if err != nil {
		return 0, fmt.Errorf("count requests rejected since the pause: %w", err)
	}
	return count, nil
}
