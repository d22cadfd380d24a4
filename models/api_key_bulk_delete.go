package models

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm/clause"
)

// MaxSelectedKeys limits how many keys are changed together, to what a person can review.
const MaxSelectedKeys = 200

// APIKeysByID returns the keys of a workspace with the given IDs, including deleted ones, newest
// first. It leaves out IDs that the workspace doesn't have.
func (s *Store) APIKeysByID(ctx context.Context, workspaceID string, ids []string) ([]APIKey, error) {
	if err := checkSelection(ids); err != nil {
		return nil, err
	}
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

func checkSelection(ids []string) error {
	switch {
	case len(ids) == 0:
		return Errorf(Invalid, "Select at least one key.")
	case len(ids) > MaxSelectedKeys:
		return Errorf(Invalid, "Select at most %d keys at a time.", MaxSelectedKeys)
	}
	return nil
}

// BulkDeleteChallenge returns what must be entered to delete keys together.
func BulkDeleteChallenge(keys []APIKey, now time.Time) Challenge {
	inUse := slices.ContainsFunc(keys, func(k APIKey) bool { return k.InUseAt(now) })
	return challengeIf(inUse, Challenge{Number: len(keys)})
}

// BulkDeleteAPIKeys deletes all or none of the given keys, in one change that takes as long as one
// deletion. When it returns, every node rejects them. It returns the keys with their receipts, in
// the order of ids.
//
// It returns NotFound if a key is missing or already deleted, once any such deletion is in effect.
// It returns FailedPrecondition if a key in use is being rotated, because EndRotation requires a
// reason for that, and Invalid unless c answers the keys' BulkDeleteChallenge.
func (s *Store) BulkDeleteAPIKeys(ctx context.Context, workspaceID string, ids []string, c Confirmation) ([]APIKey, error) {
	if err := checkSelection(ids); err != nil {
		return nil, err
	}
	ordered := slices.Compact(slices.Sorted(slices.Values(storableAll(ids))))
	var deleted []*APIKey
	effect, err := s.changeKeys(ctx, func(tx *Store) ([]*APIKey, error) {
		rows, err := tx.lockForDeletion(ctx, workspaceID, ordered)
		if err != nil {
			return nil, err
		}
		if err := tx.checkBulkDeletion(ctx, workspaceID, ordered, c); err != nil {
			return nil, err
		}
		deleted, err = tx.markDeleted(ctx, rows, ordered, "")
		return deleted, err
	})
	if IsKind(err, NotFound) {
		return nil, s.awaitDeletions(ctx, workspaceID, ordered, err)
	}
	if err != nil {
		return nil, err
	}
	_ = s.writeReceipts(context.WithoutCancel(ctx), deleted, effect) // FinishDeletions retries, as in deleteAPIKey
	keys := make([]APIKey, len(deleted))
	for i, key := range deleted {
		keys[i] = *key
	}
	slices.SortFunc(keys, func(a, b APIKey) int { return slices.Index(ids, a.ID) - slices.Index(ids, b.ID) })
	return keys, nil
}

// checkBulkDeletion returns NotFound if a key doesn't exist, FailedPrecondition if finishing the
// rotation of a key requires a reason, and Invalid unless c answers the challenge. The rows of the
// keys must be locked, so that no rotation can start and no key is deleted concurrently.
func (s *Store) checkBulkDeletion(ctx context.Context, workspaceID string, ids []string, c Confirmation) error {
	keys, err := s.keysByID(ctx, workspaceID, ids)
	if err != nil {
		return err
	}
	if len(keys) < len(ids) || slices.ContainsFunc(keys, func(k APIKey) bool { return k.DeletedAt != nil }) {
		return Errorf(NotFound, "Nothing was deleted because one of these keys no longer exists. Review the list and try again.")
	}
	if err := s.checkRotations(ctx, workspaceID, keys); err != nil {
		return err
	}
	return BulkDeleteChallenge(keys, s.now()).check(c)
}

// checkRotations returns FailedPrecondition if finishing the rotation of a key requires a reason.
func (s *Store) checkRotations(ctx context.Context, workspaceID string, keys []APIKey) error {
	rotations, err := s.RotationsInUse(ctx, workspaceID, keys)
	if err != nil || len(rotations) == 0 {
		return err
	}
	return Errorf(FailedPrecondition, "Nothing was deleted. %s is in use and being rotated. Finish its rotation first.",
		rotations[0].Old.KeyPrefix)
}

// lockedKeys are keys by ID whose rows are locked until the transaction ends.
type lockedKeys map[string]*APIKey

// existing returns a key that is not deleted, or NotFound.
func (l lockedKeys) existing(id string) (*APIKey, error) {
	key := l[storable(id)]
	if key == nil || key.DeletedAt != nil {
		return nil, errKeyNotFound
	}
	return key, nil
}

// lockForDeletion locks and returns all rows that a deletion changes, including those of the keys that the
// given keys replace, in the order in which all transactions lock keys.
func (s *Store) lockForDeletion(ctx context.Context, workspaceID string, ids []string) (lockedKeys, error) {
	var rows []APIKey
	given := map[string]any{"workspace": workspaceID, "ids": storableAll(ids)}
	err := s.with(ctx).Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Order("id").Where(`id IN (
			SELECT id FROM api_keys WHERE workspace_id = @workspace AND id IN @ids
			UNION SELECT predecessor_id FROM api_keys WHERE workspace_id = @workspace AND id IN @ids)`, given).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("lock API keys: %w", err)
	}
	locked := make(lockedKeys, len(rows))
	for i := range rows {
		locked[rows[i].ID] = &rows[i]
	}
	return locked, nil
}
