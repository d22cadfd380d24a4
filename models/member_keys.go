package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// KeysOfMember returns the keys that a member created, directly or through other keys, and that can
// still be used, including paused ones, oldest first.
func (s *Store) KeysOfMember(ctx context.Context, workspaceID, id string) ([]APIKey, error) {
	var ids []string
	created := map[string]any{"workspace_id": workspaceID, "created_by_type": ActorMember, "created_by_id": storable(id)}
	if err := s.with(ctx).Model(&APIKey{}).Where(created).Pluck("id", &ids).Error; err != nil {
		return nil, fmt.Errorf("read API keys of member: %w", err)
	}
	descendants, err := s.Descendants(ctx, workspaceID, ids)
	if err != nil {
		return nil, err
	}
	var keys []APIKey
	err = s.with(ctx).Where(notExpiredSQL+" AND workspace_id = @workspace AND id IN @ids",
		map[string]any{"now": s.now(), "workspace": workspaceID, "ids": ids}).Find(&keys).Error
	if err != nil {
		return nil, fmt.Errorf("read API keys of member: %w", err)
	}
	for _, of := range descendants {
		keys = append(keys, of...)
	}
	slices.SortFunc(keys, func(a, b APIKey) int { return strings.Compare(a.ID, b.ID) })
	return slices.CompactFunc(keys, func(a, b APIKey) bool { return a.ID == b.ID }), nil
}

// DeactivateMemberAndPauseKeys deactivates a member as DeactivateMember does, and pauses their
// KeysOfMember for MaxPause. When it returns, every node rejects those keys.
func (s *Store) DeactivateMemberAndPauseKeys(ctx context.Context, workspaceID, id string) (*Member, error) {
	var member *Member
	_, err := s.changeKeys(ctx, func(tx *Store) (paused []*APIKey, err error) {
		if member, err = tx.DeactivateMember(ctx, workspaceID, id); err != nil {
			return nil, err
		}
		keys, err := tx.KeysOfMember(ctx, workspaceID, id)
		if err != nil {
			return nil, err
		}
		until := wholeSecond(tx.now().Add(MaxPause))
		for _, key := range keys { // in the order in which all transactions lock keys
			key, err := tx.markPaused(ctx, workspaceID, key.ID, until)
			if errors.Is(err, errScheduled) {
				continue // already rejected, until it is deleted
			}
			if err != nil {
				return nil, err
			}
			paused = append(paused, key)
		}
		return paused, nil
	})
	if err != nil {
		return nil, err
	}
	return member, nil
}
