package models

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/wire"
)

// NewReplacement describes the replacement of a key. Values that are not given are taken from the
// key itself.
type NewReplacement struct {
	Scopes Change[scope.Set] // the same or fewer
	// ExpiresAt is when the replacement expires; nil for never. By default, it has the same
	// lifetime as the key, but expires no later than the policy allows and the key that creates it.
	ExpiresAt Change[*time.Time]
	FormID    string // as in NewAPIKey
}

// IsRotating reports whether the key has a replacement and is not yet deleted.
func (k *APIKey) IsRotating() bool { return k.ReplacementID != nil && k.DeletedAt == nil }

// CanRotateAt reports whether a rotation of the key can start at the given time.
func (k *APIKey) CanRotateAt(now time.Time) bool {
	return k.DeletedAt == nil && !k.expiredAt(now) && !k.IsRotating() && !k.IsScheduledForDeletion()
}

// RotateAPIKey creates a replacement for a key, with the same name and owner and the same or fewer scopes.
// The returned secret is not stored and cannot be read again. Both keys work until one of them is
// deleted.
//
// It returns FailedPrecondition if the key is already being rotated, is scheduled for deletion, or has
// expired, NotFound if it is deleted, and otherwise the errors of CreateAPIKey.
func (s *Store) RotateAPIKey(ctx context.Context, workspaceID, id string, n NewReplacement) (*APIKey, token.Secret, error) {
	var (
		next   *APIKey
		secret token.Secret
	)
	err := s.Tx(ctx, func(tx *Store) error {
		workspace, creator, err := tx.lockForCreation(ctx, workspaceID, id)
		if err != nil {
			return err
		}
		old, err := tx.existingAPIKey(ctx, workspaceID, id)
		if err != nil {
			return err
		}
		wanted, err := tx.checkReplacement(ctx, old, n, Fields{})
		if err != nil {
			return err
		}
		if creator != nil && !n.ExpiresAt.Given && expiresLater(wanted.ExpiresAt, creator.ExpiresAt) {
			wanted.ExpiresAt = creator.ExpiresAt
		}
		wanted.OwnerID = cmp.Or(old.ownerID(), defaultOwner(ctx, creator))
		wanted.RateLimit = tx.inheritedRateLimit(creator, wanted.RateLimit)
		wanted.Allowlist = inheritedAllowlist(creator, wanted.Allowlist, workspace)
		if err := tx.checkGrant(creator, workspace, noAccess, KeyAccess{wanted.Scopes, wanted.ExpiresAt, wanted.RateLimit, wanted.Allowlist}); err != nil {
			return err
		}
		if next, secret, err = tx.newAPIKey(ctx, workspace, wanted); err != nil {
			return err
		}
		next.ReplacesID, next.RotationID = &old.ID, old.rotationID()
		if err := tx.insertAPIKey(ctx, next); err != nil {
			return err
		}
		if err := tx.setReplacement(ctx, old, next); err != nil {
			return err
		}
		return tx.recordRotation(ctx, old, next)
	})
	if err != nil {
		return nil, token.Secret{}, err
	}
	return next, secret, nil
}

// lockAPIKey returns a key, even a deleted one, of a workspace that isn't deleted, and locks its row until the
// transaction ends. To lock several keys, use lockKeys.
func (s *Store) lockAPIKey(ctx context.Context, workspaceID, id string) (*APIKey, error) {
	var key APIKey
	lock := s.with(ctx).Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Where("workspace_id = ? AND id = ? AND "+ofPresentWorkspace, workspaceID, id)
	if err := lock.Take(&key).Error; err != nil {
		return nil, notFound(err, "API key")
	}
	return &key, nil
}

// existingAPIKey returns a key that is not deleted, or NotFound.
func (s *Store) existingAPIKey(ctx context.Context, workspaceID, id string) (*APIKey, error) {
	return s.takeAPIKey(ctx, "workspace_id = ? AND id = ? AND deleted_at IS NULL", workspaceID, id)
}

// CheckReplacement returns the error that RotateAPIKey would return for n, unless old is already
// being rotated, which it does not check. It adds to the errors already in fields.
func (s *Store) CheckReplacement(ctx context.Context, old *APIKey, n NewReplacement, fields Fields) error {
	_, err := s.checkReplacement(ctx, old, n, fields)
	return err
}

// checkReplacement also returns n as a key to create.
func (s *Store) checkReplacement(ctx context.Context, old *APIKey, n NewReplacement, fields Fields) (NewAPIKey, error) {
	now := s.now()
	switch {
	case old.IsScheduledForDeletion():
		return NewAPIKey{}, errScheduled
	case old.StatusAt(now) == KeyExpired:
		return NewAPIKey{}, errExpired
	}
	policy, err := s.KeyPolicy(ctx, old.WorkspaceID)
	if err != nil {
		return NewAPIKey{}, err
	}
	wanted := n.of(old, policy, now)
	if more := wanted.Scopes.Without(old.Scopes); !more.IsEmpty() {
		fields.add("scopes", "can only include scopes that the key has, not %s", s.Scopes().Text(more))
	}
	s.checkGrantable(ctx, fields, wanted.Scopes)
	return wanted, wanted.checkAccess(fields, policy, now)
}

var (
	errExpired = Errorf(FailedPrecondition, "This key has expired. Set a new expiry before you rotate it.")
	errRotated = Errorf(FailedPrecondition, "This key is already being rotated. Finish or cancel that rotation first.")
)

// of returns n as a key to create.
func (n NewReplacement) of(old *APIKey, policy KeyPolicy, now time.Time) NewAPIKey {
	wanted := NewAPIKey{Name: old.Name, Description: old.Description, Environment: old.Environment, NotifyNewCallers: old.NotifiesOfNewCallers(), Scopes: old.Scopes, ExpiresAt: old.RenewedExpiry(policy, now), RateLimit: old.RateLimit, Allowlist: old.Allowlist, FormID: n.FormID}
	n.Scopes.apply(&wanted.Scopes)
	n.ExpiresAt.apply(&wanted.ExpiresAt)
	wanted.ExpiresAt = storedTime(wanted.ExpiresAt)
	return wanted
}

// RenewedExpiry returns the expiry of a key created at now with the same lifetime as k, or the closest
// lifetime that a policy allows; nil for never.
func (k *APIKey) RenewedExpiry(policy KeyPolicy, now time.Time) *time.Time {
	if k.ExpiresAt == nil {
		return policy.renewed(nil, now)
	}
	return policy.renewed(new(now.Add(k.ExpiresAt.Sub(k.CreatedAt))), now)
}

// rotationID returns the ID of the first key in the rotation history.
func (k *APIKey) rotationID() *string {
	if k.RotationID != nil {
		return k.RotationID
	}
	return &k.ID
}

// setReplacement makes next the replacement of old, unless old has been rotated, deleted or expired
// since it was read.
func (s *Store) setReplacement(ctx context.Context, old, next *APIKey) error {
	update := s.with(ctx).Model(&APIKey{}).
		Where("workspace_id = ? AND id = ? AND successor_id IS NULL AND deleted_at IS NULL", old.WorkspaceID, old.ID).
		Where("expires_at IS NULL OR expires_at > ?", s.now()).
		Update("successor_id", next.ID)
	if update.Error != nil {
		return fmt.Errorf("set replacement: %w", update.Error)
	}
	if update.RowsAffected > 0 {
		return nil
	}
	current, err := s.existingAPIKey(ctx, old.WorkspaceID, old.ID)
	switch {
	case err != nil:
		return err
	case current.ReplacementID == nil:
		return errExpired
	}
	return errRotated
}

func (s *Store) recordRotation(ctx context.Context, old, next *APIKey) error {
	if err := s.publish(ctx, old.WorkspaceID, APIKeyRotatedEvent, next.WireRotated(s.Scopes(), s.now())); err != nil {
		return err
	}
	details := map[string]string{"successor_id": next.ID, "key_prefix": next.KeyPrefix, "expires_at": formatExpiry(next.ExpiresAt)}
	if fewer := old.Scopes.Without(next.Scopes); !fewer.IsEmpty() {
		details["scopes_removed"] = s.Scopes().Text(fewer)
	}
	return s.audit(ctx, old.WorkspaceID, "api_key.rotated", old.target(), details)
}

// WireRotated returns the replacement k as Wire does.
func (k *APIKey) WireRotated(scopes *scope.Catalog, now time.Time) wire.RotatedAPIKey {
	rotated := wire.RotatedAPIKey{APIKey: k.Wire(scopes, now)}
	if k.ReplacesID != nil {
		rotated.RotatedFrom = *k.ReplacesID
	}
	return rotated
}

// releaseReplacedKey lets the key that replacement replaces be rotated again, unless it is deleted.
// Call it before marking the replacement as deleted, because keys are locked in the order of their
// IDs.
func (s *Store) releaseReplacedKey(ctx context.Context, replacement *APIKey) error {
	if replacement.ReplacesID == nil {
		return nil
	}
	update := s.with(ctx).Model(&APIKey{}).
		Where("workspace_id = ? AND id = ? AND successor_id = ? AND deleted_at IS NULL", replacement.WorkspaceID, *replacement.ReplacesID, replacement.ID).
		Update("successor_id", nil)
	if update.Error != nil {
		return fmt.Errorf("release replaced key: %w", update.Error)
	}
	if update.RowsAffected == 0 {
		return nil
	}
	old, err := s.APIKey(ctx, replacement.WorkspaceID, *replacement.ReplacesID)
	if err != nil {
		return err
	}
	return s.audit(ctx, old.WorkspaceID, "api_key.rotation_abandoned", old.target(),
		map[string]string{"successor_id": replacement.ID, "key_prefix": replacement.KeyPrefix})
}

// CancelRotation deletes the replacement of a key, as DeleteAPIKey does, and returns it. The key
// can then be rotated again. It returns Invalid unless c answers the DeletionChallenge of the
// replacement, and FailedPrecondition if the key is not being rotated or its rotation is finished
// concurrently.
func (s *Store) CancelRotation(ctx context.Context, workspaceID, id string, c Confirmation) (*APIKey, error) {
	old, err := s.existingAPIKey(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	if old.ReplacementID == nil {
		return nil, errNotRotating
	}
	replacement, err := s.APIKey(ctx, workspaceID, *old.ReplacementID)
	if err != nil {
		return nil, err
	}
	if err := replacement.DeletionChallenge(s.now()).check(c); err != nil {
		return nil, err
	}
	return s.deleteAPIKey(ctx, workspaceID, replacement.ID, deletion{otherKey: old.ID})
}

var (
	errNotRotating  = Errorf(FailedPrecondition, "This key isn't being rotated.")
	errRotationOver = Errorf(FailedPrecondition, "Someone just deleted the other key in this rotation. Check this key before you delete it.")
)

// ReplacedKeyIDs returns, by the ID of the replacement, the IDs of the keys that are being rotated
// to one of the given keys.
func (s *Store) ReplacedKeyIDs(ctx context.Context, workspaceID string, keys []APIKey) (map[string]string, error) {
	replaced := []string{}
	for i := range keys {
		if keys[i].ReplacesID != nil && keys[i].DeletedAt == nil {
			replaced = append(replaced, *keys[i].ReplacesID)
		}
	}
	var olds []APIKey
	err := s.with(ctx).Select("id, successor_id").
		Where("workspace_id = ? AND id IN ? AND successor_id IS NOT NULL AND deleted_at IS NULL", workspaceID, replaced).Find(&olds).Error
	if err != nil {
		return nil, fmt.Errorf("read rotating keys: %w", err)
	}
	ids := make(map[string]string, len(olds))
	for i := range olds {
		ids[*olds[i].ReplacementID] = olds[i].ID
	}
	return ids, nil
}

// RotationHistory returns key and all keys that it replaced or was replaced by, directly or not,
// oldest first. It includes the replacements of canceled rotations.
func (s *Store) RotationHistory(ctx context.Context, key *APIKey) ([]APIKey, error) {
	var keys []APIKey
	err := s.with(ctx).
		Where("workspace_id = ? AND (id = ? OR lineage_id = ?)", key.WorkspaceID, *key.rotationID(), *key.rotationID()).
		Order("id").Find(&keys).Error
	if err != nil {
		return nil, fmt.Errorf("read rotation history: %w", err)
	}
	return keys, nil
}
