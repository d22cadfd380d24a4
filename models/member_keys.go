package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// KeysOwnedBy returns the keys that a member owns and that aren't deleted, oldest first.
func (s *Store) KeysOwnedBy(ctx context.Context, workspaceID, id string) ([]APIKey, error) {
	var keys []APIKey
	err := s.with(ctx).Where("workspace_id = ? AND owner_id = ? AND deleted_at IS NULL", workspaceID, storable(id)).Order("id").Find(&keys).Error
	if err != nil {
		return nil, fmt.Errorf("read API keys of member: %w", err)
	}
	return keys, nil
}

// KeysCreatedBy returns the keys that a member created, directly or through other keys, and that can
// still be used, including paused ones, oldest first. The member may have copies of them, even of those that someone else owns now.
func (s *Store) KeysCreatedBy(ctx context.Context, workspaceID, id string) ([]APIKey, error) {
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

// Departure is what happens to the API keys of a member who is deactivated or leaves.
type Departure struct {
	NewOwnerID string // of the keys that the member owns; if empty, they keep their owner
	PauseKeys  bool   // those that the member created
}

// DeactivateMemberWith deactivates a member as DeactivateMember does, and does what d says with their API keys, all or
// none of it. It gives the new owner the member's KeysOwnedBy and returns their number, and pauses their KeysCreatedBy for MaxPause. When it
// returns, every node rejects the paused keys. It returns Invalid if the new owner isn't another active member.
func (s *Store) DeactivateMemberWith(ctx context.Context, workspaceID, id string, d Departure) (member *Member, assigned int, err error) {
	deactivate := func(tx *Store) (paused []*APIKey, err error) {
		if member, err = tx.DeactivateMember(ctx, workspaceID, id); err != nil {
			return nil, err
		}
		assigned, paused, err = tx.depart(ctx, workspaceID, id, d)
		return paused, err
	}
	if d.PauseKeys {
		_, err = s.changeKeys(ctx, deactivate)
	} else {
		err = s.Tx(ctx, func(tx *Store) error { _, err := deactivate(tx); return err })
	}
	if err != nil {
		return nil, 0, err
	}
	return member, assigned, nil
}

// depart does what d says with the keys of a member who isn't active anymore, so that they can't be the new owner. The
// workspace must be locked.
func (s *Store) depart(ctx context.Context, workspaceID, id string, d Departure) (assigned int, paused []*APIKey, err error) {
	owned, created, err := s.lockKeysOfMember(ctx, workspaceID, id)
	if err != nil {
		return 0, nil, err
	}
	if d.NewOwnerID != "" {
		if assigned, err = s.assign(ctx, workspaceID, owned, d.NewOwnerID); err != nil {
			return 0, nil, err
		}
	}
	if d.PauseKeys {
		paused, err = s.pauseAll(ctx, workspaceID, created)
	}
	return assigned, paused, err
}

// lockKeysOfMember returns the KeysOwnedBy and the KeysCreatedBy a member, and locks their rows in the order in which all
// transactions lock keys. The workspace must be locked, so that there are no others.
func (s *Store) lockKeysOfMember(ctx context.Context, workspaceID, id string) (owned, created []APIKey, err error) {
	read := func() (err error) {
		if owned, err = s.KeysOwnedBy(ctx, workspaceID, id); err != nil {
			return err
		}
		created, err = s.KeysCreatedBy(ctx, workspaceID, id)
		return err
	}
	if err := read(); err != nil {
		return nil, nil, err
	}
	if err := s.lockKeys(ctx, APIKeyIDs(slices.Concat(owned, created))); err != nil {
		return nil, nil, err
	}
	err = read() // some may have been deleted before they were locked
	return owned, created, err
}

// pauseAll pauses keys for MaxPause.
func (s *Store) pauseAll(ctx context.Context, workspaceID string, keys []APIKey) (paused []*APIKey, err error) {
	until := wholeSecond(s.now().Add(MaxPause))
	for _, key := range keys { // in the order in which all transactions lock keys
		key, err := s.markPaused(ctx, workspaceID, key.ID, until)
		if errors.Is(err, errScheduled) {
			continue // already rejected, until it is deleted
		}
		if err != nil {
			return nil, err
		}
		paused = append(paused, key)
	}
	return paused, nil
}
