package models

import (
	"context"
	"time"
)

// MaxPause is the longest time that a key can be paused for.
const MaxPause = 90 * 24 * time.Hour

// PauseAPIKey rejects requests with a key until the given time, rounded up to a whole second. When
// it returns, every node rejects the key. Pausing a paused key changes the end of its pause. For an
// expired key it returns FailedPrecondition.
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

func (s *Store) markPaused(ctx context.Context, workspaceID, id string, until time.Time) (*APIKey, error) {
	key, err := s.lockAPIKey(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	now := s.now()
	if key.DeletedAt == nil && key.expiredAt(now) {
		return nil, Errorf(FailedPrecondition, "This key has expired, so its requests are already rejected.")
	}
	actor, err := s.actor(ctx)
	if err != nil {
		return nil, err
	}
	if !key.pausedAt(now) { // otherwise the same pause gets longer or shorter
		key.PausedAt = &now
	}
	key.PausedUntil, key.PausedByName, key.UpdatedAt = &until, actor.Name, now
	if err := s.updateExisting(ctx, key, key.pause()); err != nil {
		return nil, err
	}
	return key, s.audit(ctx, workspaceID, "api_key.paused", key.target(), map[string]string{"until": until.Format(time.RFC3339)})
}

// ResumeAPIKey ends the pause of a key. When it returns, every node accepts the key, even if it was
// not paused: a concurrent call may just have resumed it.
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
	key, err := s.lockAPIKey(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	details := map[string]string{}
	if key.PausedUntil != nil {
		details["paused_until"] = key.PausedUntil.UTC().Format(time.RFC3339)
	}
	key.PausedAt, key.PausedUntil, key.PausedByName, key.UpdatedAt = nil, nil, "", s.now()
	if err := s.updateExisting(ctx, key, key.pause()); err != nil {
		return nil, err
	}
	return key, s.audit(ctx, workspaceID, "api_key.resumed", key.target(), details)
}

// pause returns the columns of a pause with their values.
func (k *APIKey) pause() map[string]any {
	return map[string]any{"paused_at": k.PausedAt, "paused_until": k.PausedUntil, "paused_by_name": k.PausedByName}
}
