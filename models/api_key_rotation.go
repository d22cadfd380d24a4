package models

import (
	"context"
	"fmt"
	"time"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/wire"
)

// NewReplacement is what the successor of a key is to be like. What is not given is as with the
// key itself.
type NewReplacement struct {
	Scopes Change[scope.Set] // the same or fewer
	// ExpiresAt is when it expires, nil for never. Not given, it lives as long as the key was
	// to live when it was made.
	ExpiresAt Change[*time.Time]
	FormID    string     // as in NewAPIKey
	Grantor   *scope.Set // as in NewAPIKey
}

// IsRotating reports whether k has a successor and is still there itself.
func (k *APIKey) IsRotating() bool { return k.ReplacementID != nil && k.DeletedAt == nil }

// RotateAPIKey gives a key of a workspace a successor with its name, and its scopes or fewer.
// The text of the successor is in the answer and nowhere else. Both keys work until somebody
// deletes one. It is Refused for a key that has a living successor or has expired, NotFound for a
// deleted one, and Forbidden if the grantor does not hold what the successor would.
func (s *Store) RotateAPIKey(ctx context.Context, workspaceID, id string, n NewReplacement) (*APIKey, token.Secret, error) {
	var (
		next   *APIKey
		secret token.Secret
	)
	err := s.Tx(ctx, func(tx *Store) error {
		old, err := tx.existingAPIKey(ctx, workspaceID, id)
		if err != nil {
			return err
		}
		if err := tx.CheckReplacement(old, n, Fields{}); err != nil {
			return err
		}
		if next, secret, err = tx.newAPIKey(ctx, workspaceID, n.of(old, tx.now())); err != nil {
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

// existingAPIKey is a key of a workspace that is not deleted, or NotFound.
func (s *Store) existingAPIKey(ctx context.Context, workspaceID, id string) (*APIKey, error) {
	return s.takeAPIKey(ctx, "workspace_id = ? AND id = ? AND deleted_at IS NULL", workspaceID, id)
}

// CheckReplacement is the error with which RotateAPIKey would refuse n for old, but for a
// successor that old has already, together with the complaints that the caller has found already;
// nil if there are none.
func (s *Store) CheckReplacement(old *APIKey, n NewReplacement, fields Fields) error {
	now := s.now()
	if old.StatusAt(now) == KeyExpired {
		return errExpired
	}
	wanted := n.of(old, now)
	if more := wanted.Scopes.Without(old.Scopes); more != 0 {
		fields.add("scopes", "must be scopes that the key itself has, which %s is not", more)
	}
	return s.CheckNewAPIKey(wanted, fields)
}

var (
	errExpired = Errorf(FailedPrecondition, "This key has expired. Give it another expiry before you rotate it.")
	errRotated = Errorf(FailedPrecondition, "This key has a successor already. Delete this key once nothing uses it any more, or delete the successor to rotate again.")
)

// of is n as a key to be made at now.
func (n NewReplacement) of(old *APIKey, now time.Time) NewAPIKey {
	wanted := NewAPIKey{Name: old.Name, Scopes: old.Scopes, ExpiresAt: old.RenewedExpiry(now), FormID: n.FormID, Grantor: n.Grantor}
	n.Scopes.apply(&wanted.Scopes)
	n.ExpiresAt.apply(&wanted.ExpiresAt)
	wanted.ExpiresAt = kept(wanted.ExpiresAt)
	return wanted
}

// RenewedExpiry is when a key made at now expires that lives as long as k was to; nil for never.
func (k *APIKey) RenewedExpiry(now time.Time) *time.Time {
	if k.ExpiresAt == nil {
		return nil
	}
	until := now.Add(k.ExpiresAt.Sub(k.CreatedAt))
	return &until
}

// lineage is the id of the first key in the line of k.
func (k *APIKey) rotationID() *string {
	if k.RotationID != nil {
		return k.RotationID
	}
	return &k.ID
}

// setReplacement makes next the successor of old, unless somebody else has made another, or has
// ended old, since old was read.
func (s *Store) setReplacement(ctx context.Context, old, next *APIKey) error {
	update := s.with(ctx).Model(&APIKey{}).
		Where("workspace_id = ? AND id = ? AND successor_id IS NULL AND deleted_at IS NULL", old.WorkspaceID, old.ID).
		Where("expires_at IS NULL OR expires_at > ?", s.now()).
		Update("successor_id", next.ID)
	if update.Error != nil {
		return fmt.Errorf("claim rotation: %w", update.Error)
	}
	if update.RowsAffected > 0 {
		return nil
	}
	now, err := s.existingAPIKey(ctx, old.WorkspaceID, old.ID)
	if err == nil && now.ReplacementID == nil {
		return errExpired
	}
	if err == nil {
		return errRotated
	}
	return err
}

func (s *Store) recordRotation(ctx context.Context, old, next *APIKey) error {
	if err := s.publish(ctx, old.WorkspaceID, APIKeyRotatedEvent, next.WireRotated()); err != nil {
		return err
	}
	details := map[string]string{"successor_id": next.ID, "key_prefix": next.KeyPrefix, "expires_at": formatExpiry(next.ExpiresAt)}
	if fewer := old.Scopes.Without(next.Scopes); fewer != 0 {
		details["scopes_removed"] = fewer.String()
	}
	return s.audit(ctx, old.WorkspaceID, "api_key.rotated", old.target(), details)
}

// WireRotated is the successor k as the API and its events show it.
func (k *APIKey) WireRotated() wire.RotatedAPIKey {
	rotated := wire.RotatedAPIKey{APIKey: k.Wire()}
	if k.ReplacesID != nil {
		rotated.RotatedFrom = *k.ReplacesID
	}
	return rotated
}

// releaseReplacedKey lets the key that successor was made from be rotated again, if that is
// not deleted. Call it before the successor is marked as deleted: rows of keys are locked in the
// order of their ids.
func (s *Store) releaseReplacedKey(ctx context.Context, successor *APIKey) error {
	if successor.ReplacesID == nil {
		return nil
	}
	update := s.with(ctx).Model(&APIKey{}).
		Where("workspace_id = ? AND id = ? AND successor_id = ? AND deleted_at IS NULL", successor.WorkspaceID, *successor.ReplacesID, successor.ID).
		Update("successor_id", nil)
	if update.Error != nil {
		return fmt.Errorf("release the key rotated from: %w", update.Error)
	}
	if update.RowsAffected == 0 {
		return nil
	}
	old, err := s.APIKey(ctx, successor.WorkspaceID, *successor.ReplacesID)
	if err != nil {
		return err
	}
	return s.audit(ctx, old.WorkspaceID, "api_key.rotation_abandoned", old.target(),
		map[string]string{"successor_id": successor.ID, "key_prefix": successor.KeyPrefix})
}

// CancelRotation deletes the successor of a key of a workspace, as DeleteAPIKey does, and
// returns it. The key can be rotated again then. A successor in use wants its name in typed. It is
// Refused for a key that is not rotating, or whose rotation somebody ends at the same moment.
func (s *Store) CancelRotation(ctx context.Context, workspaceID, id, typed string) (*APIKey, error) {
	if err := s.FoldUsage(ctx); err != nil {
		return nil, err
	}
	old, err := s.existingAPIKey(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	if old.ReplacementID == nil {
		return nil, errNotRotating
	}
	successor, err := s.APIKey(ctx, workspaceID, *old.ReplacementID)
	if err != nil {
		return nil, err
	}
	if err := successor.ConfirmDeletion(s.now(), typed); err != nil {
		return nil, err
	}
	return s.deleteAPIKey(ctx, workspaceID, successor.ID, deletion{staying: old.ID})
}

var (
	errNotRotating  = Errorf(FailedPrecondition, "This key is not being rotated.")
	errRotationOver = Errorf(FailedPrecondition, "Somebody has deleted the other key of this rotation a moment ago, so this one is left. Look at it before you delete it.")
)

// requireOtherKey is errRotationOver if the key id is deleted. Within a change of keys nobody
// deletes it afterwards: those come one after the other.
func (s *Store) requireOtherKey(ctx context.Context, workspaceID, id string) error {
	_, err := s.existingAPIKey(ctx, workspaceID, id)
	if IsKind(err, NotFound) {
		return errRotationOver
	}
	return err
}

// ReplacedKeyIDs are the ids of the keys of a workspace that are being rotated to one of keys, by the
// ids of those.
func (s *Store) ReplacedKeyIDs(ctx context.Context, workspaceID string, keys []APIKey) (map[string]string, error) {
	predecessors := []string{}
	for i := range keys {
		if keys[i].ReplacesID != nil && keys[i].DeletedAt == nil {
			predecessors = append(predecessors, *keys[i].ReplacesID)
		}
	}
	var olds []APIKey
	err := s.with(ctx).Select("id, successor_id").
		Where("workspace_id = ? AND id IN ? AND successor_id IS NOT NULL AND deleted_at IS NULL", workspaceID, predecessors).Find(&olds).Error
	if err != nil {
		return nil, fmt.Errorf("read rotating keys: %w", err)
	}
	ids := make(map[string]string, len(olds))
	for i := range olds {
		ids[*olds[i].ReplacementID] = olds[i].ID
	}
	return ids, nil
}

// RotationHistory lists the keys of a workspace that are in one line with key, and key itself, the
// oldest first. Those that were abandoned are among them.
func (s *Store) RotationHistory(ctx context.Context, key *APIKey) ([]APIKey, error) {
	var line []APIKey
	err := s.with(ctx).
		Where("workspace_id = ? AND (id = ? OR lineage_id = ?)", key.WorkspaceID, *key.rotationID(), *key.rotationID()).
		Order("id").Find(&line).Error
	if err != nil {
		return nil, fmt.Errorf("read lineage: %w", err)
	}
	return line, nil
}
