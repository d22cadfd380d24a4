package models

import (
	"context"
	"errors"
	"slices"
	"time"
)

// ShortenedKey is a key whose lifetime was shortened.
type ShortenedKey struct {
	APIKey
	Before *time.Time // the expiry before; nil for never
}

var errNothingToShorten = Errorf(FailedPrecondition, "The policy allows the lifetimes of these keys. Nothing was changed.")

// ShortenLifetimes gives each of the given keys that expires later than the policy of the workspace allows the
// expiry that KeyPolicy.Shortened returns, all in one change. When it returns, the change is in effect on
// all nodes. It returns the keys that it changed, in the order of their IDs, or FailedPrecondition if there are
// none.
func (s *Store) ShortenLifetimes(ctx context.Context, workspaceID string, ids []string) (shortened []ShortenedKey, effect Effect, err error) {
	if err := checkSelection(ids); err != nil {
		return nil, Effect{}, err
	}
	effect, err = s.changeKeys(ctx, func(tx *Store) ([]*APIKey, error) {
		shortened, err = tx.shortenLifetimes(ctx, workspaceID, ids)
		keys := make([]*APIKey, len(shortened))
		for i := range shortened {
			keys[i] = &shortened[i].APIKey
		}
		return keys, err
	})
	if errors.Is(err, errNothingToShorten) { // but another call may just have shortened them
		if _, awaited := s.awaitEpoch(ctx); awaited != nil {
			return nil, Effect{}, awaited
		}
	}
	if err != nil {
		return nil, Effect{}, err
	}
	return shortened, effect, nil
}

func (s *Store) shortenLifetimes(ctx context.Context, workspaceID string, ids []string) ([]ShortenedKey, error) {
	workspace, err := s.lockWorkspace(ctx, workspaceID)
	if err != nil {
		return nil, err
	}
	if err := s.lockKeys(ctx, storableAll(ids)); err != nil {
		return nil, err
	}
	keys, err := s.keysByID(ctx, workspaceID, ids)
	if err != nil {
		return nil, err
	}
	slices.Reverse(keys)
	var shortened []ShortenedKey
	for i := range keys {
		key := ShortenedKey{APIKey: keys[i], Before: keys[i].ExpiresAt}
		expiresAt := workspace.KeyPolicy.Shortened(&key.APIKey, s.now())
		if expiresAt == nil {
			continue
		}
		if err := s.setAccess(ctx, &key.APIKey, KeyAccess{key.Scopes, storedTime(expiresAt), key.RateLimit, key.Allowlist}); err != nil {
			return nil, err
		}
		if err := s.publishKey(ctx, APIKeyUpdatedEvent, &key.APIKey); err != nil {
			return nil, err
		}
		shortened = append(shortened, key)
	}
	if len(shortened) == 0 {
		return nil, errNothingToShorten
	}
	return shortened, nil
}
