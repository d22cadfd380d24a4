package models

import (
	"context"
	"fmt"
	"slices"
)

// KeysOfMember returns the keys that a member created and that can still be used, including paused
// ones, newest first.
func (s *Store) KeysOfMember(ctx context.Context, workspaceID, id string) ([]APIKey, error) {
	var keys []APIKey
	err := s.with(ctx).Where(notExpiredSQL+" AND workspace_id = @workspace AND created_by_type = @member AND created_by_id = @id",
		map[string]any{"now": s.now(), "workspace": workspaceID, "member": ActorMember, "id": storable(id)}).
		Order("id DESC").Find(&keys).Error
	if err != nil {
		return nil, fmt.Errorf("read API keys of member: %w", err)
	}
	return keys, nil
}

// DeactivateMemberAndPauseKeys deactivates a member as DeactivateMember does, and pauses their
// KeysOfMember for MaxPause. When it returns, every node rejects those keys.
func (s *Store) DeactivateMemberAndPauseKeys(ctx context.Context, workspaceID, id string) (*Member, error) {
	var member *Member
	_, err := s.changeKeys(ctx, func(tx *Store, epoch int64) (err error) {
		if member, err = tx.DeactivateMember(ctx, workspaceID, id); err != nil {
			return err
		}
		keys, err := tx.KeysOfMember(ctx, workspaceID, id)
		if err != nil {
			return err
		}
		until := wholeSecond(tx.now().Add(MaxPause))
		for _, key := range slices.Backward(keys) { // in the order in which all transactions lock keys
			if _, err := tx.markPaused(ctx, workspaceID, key.ID, until, epoch); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return member, nil
}
