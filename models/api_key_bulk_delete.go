package models

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// MaxBulkDelete is how many keys are deleted at once: more could not be looked at before.
const MaxBulkDelete = 200

// APIKeysByID are the keys of a workspace with these ids, deleted ones too, the newest first, each
// as APIKeyWithLastUse. What is no key of the workspace is left out.
func (s *Store) APIKeysByID(ctx context.Context, workspaceID string, ids []string) ([]APIKey, error) {
	if err := checkBulkDelete(ids); err != nil {
		return nil, err
	}
	_ = s.foldWithin(ctx, foldPatience)
	return s.keysByID(ctx, workspaceID, ids)
}

func (s *Store) keysByID(ctx context.Context, workspaceID string, ids []string) ([]APIKey, error) {
	var keys []APIKey
	err := s.with(ctx).Where("workspace_id = ? AND id IN ?", workspaceID, storableAll(ids)).Order("id DESC").Find(&keys).Error
	if err != nil {
		return nil, fmt.Errorf("read API keys: %w", err)
	}
	return keys, nil
}

func checkBulkDelete(ids []string) error {
	switch {
	case len(ids) == 0:
		return Errorf(Invalid, "Choose the keys first: tick their boxes in the list.")
	case len(ids) > MaxBulkDelete:
		return Errorf(Invalid, "Choose at most %d keys at a time.", MaxBulkDelete)
	}
	return nil
}

// ConfirmBulkDelete is an Invalid error unless typed confirms the deletion of keys at now: if any
// of them is in use, their number has to be typed.
func ConfirmBulkDelete(keys []APIKey, now time.Time, typed string) error {
	inUse := slices.ContainsFunc(keys, func(k APIKey) bool { return k.InUseAt(now) })
	if number := strconv.Itoa(len(keys)); inUse && typed != number {
		return Fields{"confirm_number": "must be the number of keys, " + number}.err()
	}
	return nil
}

// BulkDeleteAPIKeys ends keys of a workspace, all or none of them, in one change: it takes as long
// as one deletion. When it returns, no node accepts any of them; the answer has their receipts,
// in the order of ids. If one is missing or deleted already, the error is NotFound, and that too
// is returned only when the deletion of what is deleted is in force. It is Refused if one is the old
// key of a rotation and in use: EndRotation asks why.
func (s *Store) BulkDeleteAPIKeys(ctx context.Context, workspaceID string, ids []string) ([]APIKey, error) {
	if err := checkBulkDelete(ids); err != nil {
		return nil, err
	}
	// Whether a rotation is in use goes by the last second, unless that takes long: a deletion is
	// worth more than the question for a reason.
	_ = s.foldWithin(ctx, foldPatience)
	ordered := slices.Compact(slices.Sorted(slices.Values(storableAll(ids))))
	keys := make([]APIKey, 0, len(ordered))
	committedAt, err := s.changeKeys(ctx, func(tx *Store, epoch int64) error {
		if err := tx.lockForBulkDelete(ctx, workspaceID, ordered); err != nil {
			return err
		}
		if err := tx.checkRotations(ctx, workspaceID, ordered); err != nil {
			return err
		}
		for _, id := range ordered {
			key, err := tx.markDeleted(ctx, workspaceID, id, "", epoch)
			if IsKind(err, NotFound) {
				return Errorf(NotFound, "One of these keys is not there any more, so none is deleted. Look at what is left of them.")
			}
			if err != nil {
				return err
			}
			keys = append(keys, *key)
		}
		return nil
	})
	if IsKind(err, NotFound) {
		return nil, s.awaitDeletions(ctx, workspaceID, ordered, err)
	}
	if err != nil {
		return nil, err
	}
	deleted := make([]*APIKey, len(keys))
	for i := range keys {
		keys[i].DeletionCommittedAt, deleted[i] = &committedAt, &keys[i]
	}
	_ = s.writeReceipts(context.WithoutCancel(ctx), deleted, s.now()) // as in DeleteAPIKey
	slices.SortFunc(keys, func(a, b APIKey) int { return slices.Index(ids, a.ID) - slices.Index(ids, b.ID) })
	return keys, nil
}

// checkRotations is Refused if a key, whose row is locked so that no rotation of it begins now, is
// the old one of a rotation whose end wants a reason.
func (s *Store) checkRotations(ctx context.Context, workspaceID string, ids []string) error {
	keys, err := s.keysByID(ctx, workspaceID, ids)
	if err != nil {
		return err
	}
	rotations, err := s.RotationsInUse(ctx, workspaceID, keys)
	if err != nil || len(rotations) == 0 {
		return err
	}
	return Errorf(FailedPrecondition, "The key %s is being rotated and still in use, so none is deleted. End its rotation on the page of the rotation, which asks for a reason.",
		rotations[0].Old.KeyPrefix)
}

// lockForBulkDelete locks all rows that a deletion of keys changes, those of the keys' predecessors
// too, in the order in which everybody locks several keys.
func (s *Store) lockForBulkDelete(ctx context.Context, workspaceID string, ids []string) error {
	var predecessors []string
	err := s.with(ctx).Model(&APIKey{}).Where("workspace_id = ? AND id IN ? AND predecessor_id IS NOT NULL", workspaceID, ids).
		Pluck("predecessor_id", &predecessors).Error
	if err != nil {
		return fmt.Errorf("read predecessors: %w", err)
	}
	rows := make(map[string]bool, len(ids)+len(predecessors))
	for _, id := range slices.Concat(ids, predecessors) {
		rows[id] = true
	}
	return s.lockKeys(ctx, rows)
}
