package models

import (
	"context"
	"time"

	"github.com/skipup/keys/models/scope"
)

// KeyAccess is what a key may do, and how long.
type KeyAccess struct {
	Scopes    scope.Set
	ExpiresAt *time.Time // nil for a key that does not expire
}

// Access is what k may do.
func (k *APIKey) Access() KeyAccess { return KeyAccess{Scopes: k.Scopes, ExpiresAt: k.ExpiresAt} }

// Equal reports whether both allow the same.
func (a KeyAccess) Equal(other KeyAccess) bool {
	return a.Scopes == other.Scopes && sameTime(a.ExpiresAt, other.ExpiresAt)
}

func sameTime(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

// ChangeAPIKeyAccess gives a key of a workspace, which may be expired but not deleted, other
// scopes or another expiry. Before is what the caller has seen of it: if the key may do something
// else by then, the error is a Conflict, since nobody may give back by accident what another has
// just taken away. When it returns, every node answers by the new ones, also if the key has them
// already: another call may have made the change a moment ago.
func (s *Store) ChangeAPIKeyAccess(ctx context.Context, workspaceID, id string, before, access KeyAccess) (*APIKey, error) {
	access.ExpiresAt = kept(access.ExpiresAt)
	key, err := s.APIKey(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	if err := s.CheckKeyAccess(key, access, Fields{}); err != nil {
		return nil, err
	}
	if key.DeletedAt == nil && key.Access().Equal(access) {
		return key, s.awaitLeases(ctx)
	}
	_, err = s.changeKeys(ctx, func(tx *Store, epoch int64) (err error) {
		key, err = tx.setAccess(ctx, workspaceID, id, before, access, epoch)
		return err
	})
	if err != nil {
		return nil, err
	}
	return key, nil
}

// CheckKeyAccess is the error with which ChangeAPIKeyAccess would refuse access for key,
// together with the complaints that the caller has found already; nil if there are none. An
// expiry that stays as it is may be past.
func (s *Store) CheckKeyAccess(key *APIKey, access KeyAccess, fields Fields) error {
	if access.ExpiresAt != nil && !sameTime(key.ExpiresAt, access.ExpiresAt) {
		checkExpiry(fields, *access.ExpiresAt, s.now())
	}
	return fields.err()
}

var errAccessChanged = Errorf(Conflict, "Somebody else has just changed what this key may do, so nothing is changed. Look at it again.")

func (s *Store) setAccess(ctx context.Context, workspaceID, id string, before, access KeyAccess, epoch int64) (*APIKey, error) {
	key, err := s.APIKey(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	if key.DeletedAt == nil && !key.Access().Equal(before) {
		return nil, errAccessChanged
	}
	err = s.updateExisting(ctx, key, map[string]any{"scopes": access.Scopes, "expires_at": access.ExpiresAt, "changed_epoch": epoch})
	if err != nil {
		return nil, err
	}
	key.Scopes, key.ExpiresAt, key.ChangedEpoch, key.UpdatedAt = access.Scopes, access.ExpiresAt, epoch, s.now()
	return key, s.audit(ctx, workspaceID, "api_key.access_changed", key.target(), before.differenceTo(access))
}

// differenceTo tells what changes from a to next, for the audit log.
func (a KeyAccess) differenceTo(next KeyAccess) map[string]string {
	details := map[string]string{}
	if added := next.Scopes.Without(a.Scopes); added != 0 {
		details["scopes_added"] = added.String()
	}
	if removed := a.Scopes.Without(next.Scopes); removed != 0 {
		details["scopes_removed"] = removed.String()
	}
	if !sameTime(a.ExpiresAt, next.ExpiresAt) {
		details["expires_at_before"], details["expires_at"] = formatExpiry(a.ExpiresAt), formatExpiry(next.ExpiresAt)
	}
	return details
}

func formatExpiry(at *time.Time) string {
	if at == nil {
		return "never"
	}
	return at.UTC().Format(time.RFC3339)
}
