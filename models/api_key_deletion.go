package models

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// inUse is how long after its last request a key counts as used.
const inUse = 24 * time.Hour

// InUseAt reports whether k was used so shortly before now that deleting it will be noticed.
func (k *APIKey) InUseAt(now time.Time) bool {
	return k.LastUsedAt != nil && now.Sub(*k.LastUsedAt) < inUse
}

// ConfirmDeletion is an Invalid error unless typed confirms the deletion of k at now: a key
// in use wants its name.
func (k *APIKey) ConfirmDeletion(now time.Time, typed string) error {
	if k.InUseAt(now) && typed != k.Name {
		return Fields{"confirm_name": confirmName}.err()
	}
	return nil
}

const confirmName = "must be the name of the key, exactly as it is shown"

// DeletionReceipt is the evidence of a deletion.
type DeletionReceipt struct {
	CommittedAt time.Time
	// EffectiveAt is when no node could accept the key any more. It is nil while that is still
	// being waited for, or if who waited was stopped; FinishDeletions then finds it out.
	EffectiveAt *time.Time
	// Took is from the commit until the deletion was in force.
	Took time.Duration
	// LastUsedAt is the last accepted request that nodes have told of, which they do every
	// second, with its address and route; nil if there was none.
	LastUsedAt                     *time.Time
	LastUsedAddress, LastUsedRoute string
	Reason                         string // why it was deleted in use, if it was; else empty
	// AcceptedAfter reports whether that was after the deletion was in force, by the clocks of
	// the nodes: that would be a bug.
	AcceptedAfter bool
}

// DeletionReceipt is the receipt of the deletion of k, and whether k is deleted.
func (k *APIKey) DeletionReceipt() (DeletionReceipt, bool) {
	if k.DeletedAt == nil {
		return DeletionReceipt{}, false
	}
	receipt := DeletionReceipt{
		CommittedAt: *k.DeletedAt, EffectiveAt: k.DeletionEffectiveAt, Reason: k.DeletionReason,
		LastUsedAt: k.LastUsedAt, LastUsedAddress: k.LastUsedAddress, LastUsedRoute: k.LastUsedRoute,
	}
	if k.DeletionCommittedAt != nil {
		receipt.CommittedAt = *k.DeletionCommittedAt
	}
	if receipt.EffectiveAt != nil {
		receipt.Took = receipt.EffectiveAt.Sub(receipt.CommittedAt)
		receipt.AcceptedAfter = k.LastUsedAt != nil && k.LastUsedAt.After(*receipt.EffectiveAt)
	}
	return receipt, true
}

// DeleteAPIKey ends a key of a workspace. When it returns, no node accepts the key any more;
// the answer has the receipt. The row stays, so that its history can be read and what still
// knocks with it can be told. Deleting it again is NotFound, and that too returns only when
// the first deletion is in force.
func (s *Store) DeleteAPIKey(ctx context.Context, workspaceID, id string) (*APIKey, error) {
	return s.deleteAPIKey(ctx, workspaceID, id, deletion{})
}

// deletion is what is particular about the deletion of a key.
type deletion struct {
	reason string // for the receipt; may be empty
	// staying is the id of the other key of a rotation: it is Refused if that has been deleted,
	// for then neither would be left. Empty for none.
	staying string
}

// deleteAPIKey is DeleteAPIKey with what is particular about it.
func (s *Store) deleteAPIKey(ctx context.Context, workspaceID, id string, d deletion) (*APIKey, error) {
	var key *APIKey
	committedAt, err := s.changeKeys(ctx, func(tx *Store, epoch int64) (err error) {
		if key, err = tx.markDeleted(ctx, workspaceID, id, d.reason, epoch); err != nil || d.staying == "" {
			return err
		}
		return tx.requireOtherKey(ctx, workspaceID, d.staying)
	})
	if IsKind(err, NotFound) {
		return nil, s.awaitDeletions(ctx, workspaceID, []string{id}, err)
	}
	if err != nil {
		return nil, err
	}
	key.DeletionCommittedAt = &committedAt
	// The deletion stands and is in force. If that cannot be written now, it is found out anew.
	_ = s.writeReceipts(context.WithoutCancel(ctx), []*APIKey{key}, s.now())
	return key, nil
}

// markDeleted makes a living key a tombstone.
func (s *Store) markDeleted(ctx context.Context, workspaceID, id, reason string, epoch int64) (*APIKey, error) {
	key, err := s.APIKey(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	actor, err := s.actor(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.releaseReplacedKey(ctx, key); err != nil {
		return nil, err
	}
	now, by := s.now(), actor.Name
	err = s.updateExisting(ctx, key, map[string]any{
		"deleted_at": now, "deleted_by_name": by, "deletion_reason": reason, "changed_epoch": epoch,
	})
	if err != nil {
		return nil, err
	}
	key.DeletedAt, key.DeletedByName, key.DeletionReason, key.ChangedEpoch, key.UpdatedAt = &now, by, reason, epoch, now
	if err := s.publish(ctx, workspaceID, APIKeyDeletedEvent, key.Wire()); err != nil {
		return nil, err
	}
	details := map[string]string{"key_prefix": key.KeyPrefix}
	if reason != "" {
		details["reason"] = reason
	}
	return key, s.audit(ctx, workspaceID, "api_key.deleted", key.target(), details)
}

// awaitDeletions returns missing, the refusal to delete keys, once no node accepts those of them
// that are deleted: they may have been a moment ago.
func (s *Store) awaitDeletions(ctx context.Context, workspaceID string, ids []string, missing error) error {
	keys, err := s.keysByID(ctx, workspaceID, ids)
	if err != nil {
		return notFound(err, "API key")
	}
	var pending []*APIKey
	for i := range slices.Backward(keys) { // in the order in which everybody locks several keys
		if keys[i].DeletedAt != nil && keys[i].DeletionEffectiveAt == nil {
			pending = append(pending, &keys[i])
		}
	}
	if len(pending) == 0 {
		return missing
	}
	if err := s.awaitLeases(ctx); err != nil {
		return err
	}
	_ = s.writeReceipts(ctx, pending, s.now()) // as in DeleteAPIKey
	return missing
}

const (
	// receiptTimeout bounds the writing of receipts: whoever deleted the keys waits for it.
	receiptTimeout = 2 * time.Second
	// foldPatience is how long a deletion waits for what nodes have told of the last uses.
	foldPatience = time.Second
)

// writeReceipts notes, for all of them or for none, that the deletion of keys is in force since
// effectiveAt, unless that is noted already, and makes the keys what is stored. It does not wait
// long for the last use of the keys to be added up: the row gets it later, and the audit log says
// that it was not known.
func (s *Store) writeReceipts(ctx context.Context, keys []*APIKey, effectiveAt time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, receiptTimeout)
	defer cancel()
	for _, key := range keys {
		receipt, _ := key.DeletionReceipt()
		from := effectiveAt
		if from.Before(receipt.CommittedAt) {
			from = receipt.CommittedAt // by the clock of another node
		}
		key.DeletionCommittedAt, key.DeletionEffectiveAt = &receipt.CommittedAt, &from
	}
	folded := s.foldWithin(ctx, foldPatience) == nil
	return s.Tx(ctx, func(tx *Store) error {
		for _, key := range keys {
			if err := tx.writeReceipt(ctx, key, folded); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeReceipt stores the receipt that key has. Folded says whether its last use is known.
func (s *Store) writeReceipt(ctx context.Context, key *APIKey, folded bool) error {
	update := s.with(ctx).Model(&APIKey{}).
		Where("workspace_id = ? AND id = ? AND deletion_in_force_at IS NULL", key.WorkspaceID, key.ID).
		UpdateColumns(map[string]any{"deletion_committed_at": key.DeletionCommittedAt, "deletion_in_force_at": key.DeletionEffectiveAt})
	if update.Error != nil {
		return fmt.Errorf("write receipt: %w", update.Error)
	}
	stored, err := s.APIKey(ctx, key.WorkspaceID, key.ID)
	if err != nil {
		return err
	}
	*key = *stored
	if update.RowsAffected == 0 {
		return nil
	}
	return s.audit(ctx, key.WorkspaceID, "api_key.deletion_in_force", key.target(), key.receiptDetails(folded))
}

// APIKeyWithLastUse is APIKey with its last use up to the last second, unless that takes long to
// add up: whoever wants to delete or pause a key must not wait for it.
func (s *Store) APIKeyWithLastUse(ctx context.Context, workspaceID, id string) (*APIKey, error) {
	_ = s.foldWithin(ctx, foldPatience)
	return s.APIKey(ctx, workspaceID, id)
}

// foldWithin is FoldUsage for at most a while.
func (s *Store) foldWithin(ctx context.Context, while time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, while)
	defer cancel()
	return s.FoldUsage(ctx)
}

// receiptDetails are the receipt in words, for the audit log. Folded says whether the last use is
// known.
func (k *APIKey) receiptDetails(folded bool) map[string]string {
	receipt, _ := k.DeletionReceipt()
	details := map[string]string{
		"committed_at": receipt.CommittedAt.Format(time.RFC3339Nano),
		"in_force_at":  receipt.EffectiveAt.Format(time.RFC3339Nano),
		"took_ms":      strconv.FormatInt(receipt.Took.Milliseconds(), 10),
	}
	switch {
	case !folded:
		details["last_used_at"] = "unknown"
	case receipt.LastUsedAt != nil:
		details["last_used_at"] = receipt.LastUsedAt.Format(time.RFC3339Nano)
		details["last_used_address"] = receipt.LastUsedAddress
		details["last_used_route"] = receipt.LastUsedRoute
	}
	return details
}

const (
	// maxPending is how many deletions are finished at a time, and pendingAtOnce how many of them
	// in one transaction.
	maxPending    = 1000
	pendingAtOnce = 100
)

// FinishDeletions writes the receipts of deletions that nobody has waited for to the end,
// because the program was stopped or the database went away, and returns how many it found. It
// waits itself first.
func (s *Store) FinishDeletions(ctx context.Context) (finished int, err error) {
	var pending []*APIKey
	err = s.with(ctx).Where("deleted_at IS NOT NULL AND deletion_in_force_at IS NULL").Order("id").Limit(maxPending).Find(&pending).Error
	if err != nil {
		return 0, fmt.Errorf("read unfinished deletions: %w", err)
	}
	if len(pending) == 0 {
		return 0, nil
	}
	if err := s.awaitLeases(ctx); err != nil {
		return 0, err
	}
	ctx = WithActor(ctx, Actor{Type: ActorSystem, Name: "SkipUp Keys"})
	effectiveAt := s.now()
	for some := range slices.Chunk(pending, pendingAtOnce) {
		if err := s.writeReceipts(ctx, some, effectiveAt); err != nil {
			return finished, err
		}
		finished += len(some)
	}
	return finished, nil
}
