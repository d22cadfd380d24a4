package models

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm/clause"
)

// inUse is how long after its last request a key counts as in use.
const inUse = 24 * time.Hour

// InUseAt reports whether the key was used so recently that its deletion would be noticed.
func (k *APIKey) InUseAt(now time.Time) bool {
	return k.LastUsedAt != nil && now.Sub(*k.LastUsedAt) < inUse
}

// DeletionChallenge returns what must be entered to delete the key.
func (k *APIKey) DeletionChallenge(now time.Time) Challenge {
	return challengeIf(k.InUseAt(now), Challenge{Name: k.Name})
}

// WithDescendants returns c, the challenge for deleting key, for deleting its descendants too: it also
// asks for the name of the key if any of them is in use.
func (c Challenge) WithDescendants(key *APIKey, descendants []APIKey, now time.Time) Challenge {
	if slices.ContainsFunc(descendants, func(k APIKey) bool { return k.InUseAt(now) }) {
		c.Name = key.Name
	}
	return c
}

// forDeletion returns c, the challenge for deleting key, as the answer requires it.
func (s *Store) forDeletion(ctx context.Context, c Challenge, key *APIKey, answer Confirmation) (Challenge, error) {
	if !answer.Descendants {
		return c, nil
	}
	descendants, err := s.DeletableDescendants(ctx, key)
	return c.WithDescendants(key, descendants, s.now()), err
}

// DeletableDescendants returns the Descendants of a key, oldest first, without its replacement and the
// keys that come from that.
func (s *Store) DeletableDescendants(ctx context.Context, key *APIKey) ([]APIKey, error) {
	ids := []string{key.ID}
	if key.IsRotating() {
		ids = append(ids, *key.ReplacementID)
	}
	all, err := s.Descendants(ctx, key.WorkspaceID, ids)
	if err != nil || !key.IsRotating() {
		return all[key.ID], err
	}
	kept := append(APIKeyIDs(all[*key.ReplacementID]), *key.ReplacementID)
	return slices.DeleteFunc(all[key.ID], func(k APIKey) bool { return slices.Contains(kept, k.ID) }), nil
}

// DeletionReceipt records when a deletion took effect and when the key was last used.
type DeletionReceipt struct {
	CommittedAt time.Time
	// EffectiveAt is when the deletion took effect on all nodes. It is nil until then. If the call
	// was interrupted, FinishDeletions sets it later.
	EffectiveAt *time.Time
	// Took is the time from the commit until the deletion took effect.
	Took time.Duration
	// Nodes is the number of nodes that could verify keys then; nil if unknown. SilentNodes are the names
	// of those that didn't confirm the deletion, whose leases it waited for.
	Nodes       *int
	SilentNodes []string
	// LastUsedAt is the time of the last accepted request that nodes have reported; nil if there
	// was none.
	LastUsedAt                     *time.Time
	LastUsedAddress, LastUsedRoute string
	Reason                         string // why the key was deleted while in use; may be empty
	// AcceptedAfter is the AcceptedAfterDeletion of the key.
	AcceptedAfter bool
}

// DeletionReceipt returns the receipt of the key's deletion, and whether the key is deleted.
func (k *APIKey) DeletionReceipt() (DeletionReceipt, bool) {
	if k.DeletedAt == nil {
		return DeletionReceipt{}, false
	}
	receipt := DeletionReceipt{
		CommittedAt: *k.DeletedAt, EffectiveAt: k.DeletionEffectiveAt, Reason: k.DeletionReason,
		LastUsedAt: k.LastUsedAt, LastUsedAddress: k.LastUsedAddress, LastUsedRoute: k.LastUsedRoute,
		Nodes: k.DeletionNodes, SilentNodes: splitNodes(k.DeletionSilentNodes), AcceptedAfter: k.AcceptedAfterDeletion,
	}
	if k.DeletionCommittedAt != nil {
		receipt.CommittedAt = *k.DeletionCommittedAt
	}
	if receipt.EffectiveAt != nil {
		receipt.Took = receipt.EffectiveAt.Sub(receipt.CommittedAt)
	}
	return receipt, true
}

// DeleteAPIKey deletes a key of a workspace and returns it with its receipt. When it returns, every
// node rejects the key. The row is kept so that its history can be read and later attempts to use
// the key can be reported. Deleting a key again returns NotFound, once the first deletion is in
// effect.
//
// It returns Invalid unless c answers the key's DeletionChallenge, or that of its rotation, which it
// ends as EndRotation does.
func (s *Store) DeleteAPIKey(ctx context.Context, workspaceID, id string, c Confirmation) (*APIKey, error) {
	if c == NoConfirmation {
		return s.deleteAPIKey(ctx, workspaceID, id, deletion{})
	}
	key, err := s.APIKey(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	if key.IsRotating() {
		return s.EndRotation(ctx, workspaceID, id, c)
	}
	challenge, err := s.forDeletion(ctx, key.DeletionChallenge(s.now()), key, c)
	if err != nil {
		return nil, err
	}
	if err := challenge.check(c); err != nil {
		return nil, err
	}
	return s.deleteAPIKey(ctx, workspaceID, id, deletion{descendants: c.Descendants})
}

// deletion holds the options of a deletion.
type deletion struct {
	reason string // for the receipt; may be empty
	// otherKey is the ID of the other key of a rotation, which must still exist, so that the
	// deletion of one leaves the other. It may be empty.
	otherKey string
	// descendants deletes the DeletableDescendants of the key too.
	descendants bool
	// dueAt is the time by which the scheduled deletion of the key is due, which it must still be. It is
	// zero for a deletion that wasn't scheduled.
	dueAt time.Time
}

// deleteAPIKey deletes a key as DeleteAPIKey does, with options.
func (s *Store) deleteAPIKey(ctx context.Context, workspaceID, id string, d deletion) (*APIKey, error) {
	var keys []*APIKey
	effect, err := s.changeKeys(ctx, func(tx *Store) (_ []*APIKey, err error) {
		ids, rows, err := tx.lockDeleted(ctx, workspaceID, id, d.otherKey, d.descendants)
		if err != nil {
			return nil, err
		}
		if !d.dueAt.IsZero() {
			if key, err := rows.existing(id); err == nil && !key.isDue(d.dueAt) {
				return nil, errNotScheduled
			}
		}
		if keys, err = tx.markDeleted(ctx, rows, ids, d.reason); err != nil {
			return nil, err
		}
		if _, err := rows.existing(d.otherKey); err != nil && d.otherKey != "" {
			return nil, errRotationOver
		}
		return keys, nil
	})
	if IsKind(err, NotFound) {
		return nil, s.awaitDeletions(ctx, workspaceID, []string{id}, err)
	}
	if err != nil {
		return nil, err
	}
	// The deletion is in effect. If its receipt cannot be written now, FinishDeletions retries.
	_ = s.writeReceipts(context.WithoutCancel(ctx), keys, effect)
	return keys[0], nil
}

// lockDeleted locks a key to be deleted, another key unless otherKey is empty, and the descendants of the
// key if asked. It returns the IDs of the keys to be deleted; that of the key is the first.
func (s *Store) lockDeleted(ctx context.Context, workspaceID, id, otherKey string, descendants bool) (ids []string, rows lockedKeys, err error) {
	locked := []string{id}
	if otherKey != "" {
		locked = append(locked, otherKey)
	}
	if descendants {
		return s.lockDescendants(ctx, workspaceID, locked)
	}
	rows, err = s.lockForDeletion(ctx, workspaceID, locked)
	return []string{id}, rows, err
}

// lockDescendants locks keys, the first of which is to be deleted, and all descendants of that key, so
// that none of them can create another key. It returns the IDs of the key and its DeletableDescendants;
// the ID of the key is the first. It returns FailedPrecondition if one of them is in use and being
// rotated to a key that is not among them.
func (s *Store) lockDescendants(ctx context.Context, workspaceID string, locked []string) (ids []string, rows lockedKeys, err error) {
	// No key is created meanwhile, so all can be locked at once, in the order in which all transactions do.
	if _, err := s.lockWorkspace(ctx, workspaceID); err != nil {
		return nil, nil, err
	}
	id := locked[0]
	all, err := s.Descendants(ctx, workspaceID, []string{id})
	if err != nil {
		return nil, nil, err
	}
	if rows, err = s.lockForDeletion(ctx, workspaceID, append(locked, APIKeyIDs(all[id])...)); err != nil {
		return nil, nil, err
	}
	key, err := rows.existing(id)
	if err != nil {
		return nil, nil, err
	}
	descendants, err := s.DeletableDescendants(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	ids = append([]string{id}, APIKeyIDs(descendants)...)
	isReplaced := func(k APIKey) bool { return k.ReplacementID != nil && slices.Contains(ids, *k.ReplacementID) }
	return ids, rows, s.checkRotations(ctx, workspaceID, slices.DeleteFunc(descendants, isReplaced))
}

// markDeleted marks the keys with some IDs as deleted, records that, and returns them. It returns NotFound
// if one of them doesn't exist.
func (s *Store) markDeleted(ctx context.Context, rows lockedKeys, ids []string, reason string) ([]*APIKey, error) {
	actor, err := s.actor(ctx)
	if err != nil {
		return nil, err
	}
	deleted := make([]*APIKey, len(ids))
	for i, id := range ids {
		if deleted[i], err = rows.existing(id); err != nil {
			return nil, err
		}
		if err := s.markKeyDeleted(ctx, deleted[i], actor, reason); err != nil {
			return nil, err
		}
	}
	return deleted, nil
}

func (s *Store) markKeyDeleted(ctx context.Context, key *APIKey, actor Actor, reason string) error {
	details, by := map[string]string{"key_prefix": key.KeyPrefix}, actor.Name
	if actor.Type == ActorSystem { // which only deletes keys whose deletion was scheduled
		by = key.DeleteAtByName
		details["scheduled_by"] = by
	}
	if err := s.releaseReplacedKey(ctx, key); err != nil {
		return err
	}
	now := s.now()
	err := s.updateExisting(ctx, key, map[string]any{
		"deleted_at": now, "deleted_by_name": by, "deletion_reason": reason,
	})
	if err != nil {
		return err
	}
	key.DeletedAt, key.DeletedByName, key.DeletionReason, key.UpdatedAt = &now, by, reason, now
	if err := s.publishKey(ctx, APIKeyDeletedEvent, key); err != nil {
		return err
	}
	if reason != "" {
		details["reason"] = reason
	}
	s.notifyManagers(ctx, KeyDeletedNotice, key)
	return s.audit(ctx, key.WorkspaceID, "api_key.deleted", key.target(), details)
}

// awaitDeletions returns missing once the deletions of all deleted keys among ids are in effect. A
// concurrent call may have deleted them.
func (s *Store) awaitDeletions(ctx context.Context, workspaceID string, ids []string, missing error) error {
	keys, err := s.keysByID(ctx, workspaceID, ids)
	if err != nil {
		return notFound(err, "API key")
	}
	var pending []*APIKey
	for i := range slices.Backward(keys) { // in the order in which all transactions lock keys
		if keys[i].DeletedAt != nil && keys[i].DeletionEffectiveAt == nil {
			pending = append(pending, &keys[i])
		}
	}
	if len(pending) == 0 {
		return missing
	}
	effect, err := s.awaitEpoch(ctx)
	if err != nil {
		return err
	}
	_ = s.writeReceipts(ctx, pending, effect) // FinishDeletions retries, as in deleteAPIKey
	return missing
}

// receiptTimeout limits how long a deletion waits for its receipts to be written.
const receiptTimeout = 2 * time.Second

// writeReceipts stores, for all keys or for none, how their deletion took effect, unless that is
// already stored, and updates keys to what is stored.
func (s *Store) writeReceipts(ctx context.Context, keys []*APIKey, effect Effect) error {
	ctx, cancel := context.WithTimeout(ctx, receiptTimeout)
	defer cancel()
	for _, key := range keys {
		committedAt, effectiveAt := effect.CommittedAt, effect.EffectiveAt
		if committedAt.IsZero() {
			receipt, _ := key.DeletionReceipt()
			committedAt = receipt.CommittedAt
		}
		if effectiveAt.Before(committedAt) {
			effectiveAt = committedAt // from a clock of another node
		}
		key.DeletionCommittedAt, key.DeletionEffectiveAt = &committedAt, &effectiveAt
		key.DeletionNodes, key.DeletionSilentNodes = effect.Nodes, joinNodes(effect.SilentNodes)
	}
	return s.Tx(ctx, func(tx *Store) error {
		for _, key := range keys {
			if err := tx.writeReceipt(ctx, key); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeReceipt stores the receipt of key. The system records it, regardless of who deleted the key.
func (s *Store) writeReceipt(ctx context.Context, key *APIKey) error {
	var written []APIKey
	update := s.with(ctx).Model(&written).Clauses(clause.Returning{Columns: []clause.Column{{Name: apiKeyColumns(), Raw: true}}}).
		Where("workspace_id = ? AND id = ? AND deletion_in_force_at IS NULL", key.WorkspaceID, key.ID).
		UpdateColumns(map[string]any{
			"deletion_committed_at": key.DeletionCommittedAt, "deletion_in_force_at": key.DeletionEffectiveAt,
			"deletion_nodes": key.DeletionNodes, "deletion_silent_nodes": key.DeletionSilentNodes,
		})
	if update.Error != nil {
		return fmt.Errorf("write receipt: %w", update.Error)
	}
	if len(written) == 0 { // another call has written it
		stored, err := s.APIKey(ctx, key.WorkspaceID, key.ID)
		if err == nil {
			*key = *stored
		}
		return err
	}
	*key = written[0]
	return s.audit(asSystem(ctx), key.WorkspaceID, "api_key.deletion_in_force", key.target(), key.receiptDetails())
}

// receiptDetails returns the receipt for the audit log.
func (k *APIKey) receiptDetails() map[string]string {
	receipt, _ := k.DeletionReceipt()
	details := map[string]string{
		"committed_at": receipt.CommittedAt.Format(time.RFC3339Nano),
		"in_force_at":  receipt.EffectiveAt.Format(time.RFC3339Nano),
		"took_ms":      strconv.FormatInt(receipt.Took.Milliseconds(), 10),
	}
	if receipt.Nodes != nil {
		details["nodes"] = strconv.Itoa(*receipt.Nodes)
	}
	if len(receipt.SilentNodes) > 0 {
		details["silent_nodes"] = joinNodes(receipt.SilentNodes)
	}
	if receipt.LastUsedAt != nil {
		details["last_used_at"] = receipt.LastUsedAt.Format(time.RFC3339Nano)
		details["last_used_address"] = receipt.LastUsedAddress
		details["last_used_route"] = receipt.LastUsedRoute
	}
	return details
}

const (
	// maxPending limits how many deletions one call finishes, and pendingAtOnce how many of them
	// one transaction writes.
	maxPending    = 1000
	pendingAtOnce = 100
)

// FinishDeletions waits until interrupted deletions are in effect, then writes their receipts. A
// deletion is interrupted if the program stops or the database becomes unavailable. It returns the
// number of receipts written.
func (s *Store) FinishDeletions(ctx context.Context) (finished int, err error) {
	var pending []*APIKey
	err = s.with(ctx).Where("deleted_at IS NOT NULL AND deletion_in_force_at IS NULL").Order("id").Limit(maxPending).Find(&pending).Error
	if err != nil {
		return 0, fmt.Errorf("read unfinished deletions: %w", err)
	}
	if len(pending) == 0 {
		return 0, nil
	}
	effect, err := s.awaitEpoch(ctx)
	if err != nil {
		return 0, err
	}
	for some := range slices.Chunk(pending, pendingAtOnce) {
		if err := s.writeReceipts(ctx, some, effect); err != nil {
			return finished, err
		}
		finished += len(some)
	}
	return finished, nil
}
