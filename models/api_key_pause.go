package models

import (
	"context"
	"time"
)

// MaxPause is how long a key can be paused at a time. What nobody misses for longer may be deleted.
const MaxPause = 90 * 24 * time.Hour

// PauseAPIKey has requests with a key of a workspace refused until a moment, which is rounded up
// to a whole second. When it returns, no node accepts the key; from that moment on all do again,
// and nobody has to do anything for it. Pausing a paused key moves the moment. An expired key is
// Refused.
func (s *Store) PauseAPIKey(ctx context.Context, workspaceID, id string, until time.Time) (*APIKey, error) {
	if err := s.checkPause(until); err != nil {
		return nil, err
	}
	until = wholeSecond(until)
	var key *APIKey
	_, err := s.changeKeys(ctx, func(tx *Store, epoch int64) (err error) {
		key, err = tx.markPaused(ctx, workspaceID, id, until, epoch)
		return err
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
		fields.add("until", "must be within 90 days. A key that should not come back is better deleted")
	}
	return fields.err()
}

// wholeSecond is at, rounded up: nodes keep the end of a pause in seconds.
func wholeSecond(at time.Time) time.Time {
	whole := at.UTC().Truncate(time.Second)
	if whole.Before(at) {
		whole = whole.Add(time.Second)
	}
	return whole
}

func (s *Store) markPaused(ctx context.Context, workspaceID, id string, until time.Time, epoch int64) (*APIKey, error) {
	key, err := s.APIKey(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	now := s.now()
	if key.DeletedAt == nil && key.expiredAt(now) {
		return nil, Errorf(FailedPrecondition, "This key has expired, so that requests with it are refused already.")
	}
	actor, err := s.actor(ctx)
	if err != nil {
		return nil, err
	}
	if !key.pausedAt(now) { // else it is one longer, or shorter, pause
		key.PausedAt = &now
	}
	key.PausedUntil, key.PausedByName, key.ChangedEpoch, key.UpdatedAt = &until, actor.Name, epoch, now
	if err := s.updateExisting(ctx, key, key.pause()); err != nil {
		return nil, err
	}
	return key, s.audit(ctx, workspaceID, "api_key.paused", key.target(), map[string]string{"until": until.Format(time.RFC3339)})
}

// ResumeAPIKey ends the pause of a key of a workspace. When it returns, every node accepts the
// key again, also if it was not paused any more: another call may have resumed it a moment ago.
func (s *Store) ResumeAPIKey(ctx context.Context, workspaceID, id string) (*APIKey, error) {
	key, err := s.APIKey(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	if key.DeletedAt == nil && !key.pausedAt(s.now()) {
		return key, s.awaitLeases(ctx)
	}
	_, err = s.changeKeys(ctx, func(tx *Store, epoch int64) (err error) {
		key, err = tx.markResumed(ctx, workspaceID, id, epoch)
		return err
	})
	if err != nil {
		return nil, err
	}
	return key, nil
}

func (s *Store) markResumed(ctx context.Context, workspaceID, id string, epoch int64) (*APIKey, error) {
	key, err := s.APIKey(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	details := map[string]string{}
	if key.PausedUntil != nil {
		details["paused_until"] = key.PausedUntil.UTC().Format(time.RFC3339)
	}
	key.PausedAt, key.PausedUntil, key.PausedByName, key.ChangedEpoch, key.UpdatedAt = nil, nil, "", epoch, s.now()
	if err := s.updateExisting(ctx, key, key.pause()); err != nil {
		return nil, err
	}
	return key, s.audit(ctx, workspaceID, "api_key.resumed", key.target(), details)
}

// pause are the values of the columns that a pause is made of.
func (k *APIKey) pause() map[string]any {
	return map[string]any{
		"paused_at": k.PausedAt, "paused_until": k.PausedUntil, "paused_by_name": k.PausedByName, "changed_epoch": k.ChangedEpoch,
	}
}
