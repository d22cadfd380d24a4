package models

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/skipup/keys/models/scope"
)

// KeyUpdate changes some properties of a key and leaves the others as they are.
type KeyUpdate struct {
	Name, Description, Environment Change[string]
	Scopes                         Change[scope.Set]
	ExpiresAt                      Change[*time.Time] // to nil for a key that does not expire
}

func (u KeyUpdate) changesDetails() bool {
	return u.Name.Given || u.Description.Given || u.Environment.Given
}

func (u KeyUpdate) changesAccess() bool { return u.Scopes.Given || u.ExpiresAt.Given }

// UpdateAPIKey updates a key, which may be expired but not deleted. All changes are made, or none. If they
// include the scopes or the expiry, they are in effect on all nodes when it returns. Unlike
// ChangeAPIKeyAccess, it replaces what another call has just changed.
//
// If a key makes the change, it returns Forbidden for added scopes that it lacks and for an expiry that
// is later than both the old one and its own.
func (s *Store) UpdateAPIKey(ctx context.Context, workspaceID, id string, u KeyUpdate) (key *APIKey, err error) {
	u.ExpiresAt.Value = storedTime(u.ExpiresAt.Value)
	apply := func(tx *Store) (_ []*APIKey, err error) {
		key, err = tx.update(ctx, workspaceID, id, u)
		return []*APIKey{key}, err
	}
	if u.changesAccess() {
		_, err = s.changeKeys(ctx, apply)
	} else {
		err = s.Tx(ctx, func(tx *Store) error { _, err := apply(tx); return err })
	}
	if err != nil {
		return nil, err
	}
	return key, nil
}

func (s *Store) update(ctx context.Context, workspaceID, id string, u KeyUpdate) (*APIKey, error) {
	key, actor, err := s.lockForActor(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	before, after := key.Access(), key.Access()
	u.Scopes.apply(&after.Scopes)
	u.ExpiresAt.apply(&after.ExpiresAt)
	fields := Fields{}
	if err := s.CheckKeyAccess(key, after, fields); err != nil && !u.changesDetails() {
		return nil, err
	}
	if u.changesDetails() { // also reports the errors in fields
		err := s.editDetails(ctx, key, fields, func(d *KeyDetails) {
			u.Name.apply(&d.Name)
			u.Description.apply(&d.Description)
			u.Environment.apply(&d.Environment)
		})
		if err != nil {
			return nil, err
		}
	}
	if u.changesAccess() {
		if err := actor.checkWidening(before, after, s.Scopes()); err != nil {
			return nil, err
		}
		if err := s.setAccess(ctx, key, before, after); err != nil {
			return nil, err
		}
	}
	return key, s.publishKey(ctx, APIKeyUpdatedEvent, key)
}

// lockForActor locks a key that is not deleted, and the key that changes it, if a key does.
func (s *Store) lockForActor(ctx context.Context, workspaceID, id string) (key, actor *APIKey, err error) {
	if acting := ActorOf(ctx); acting.Type == ActorAPIKey {
		if err := s.lockKeys(ctx, storableAll([]string{id, acting.ID})); err != nil {
			return nil, nil, err
		}
	}
	if key, err = s.lockAPIKey(ctx, workspaceID, id); err != nil {
		return nil, nil, err
	}
	if key.DeletedAt != nil {
		return nil, nil, notFound(gorm.ErrRecordNotFound, "API key")
	}
	if actor, err = s.actingKey(ctx); err != nil {
		return nil, nil, err
	}
	if actor != nil && actor.DeletedAt != nil {
		return nil, nil, Errorf(Forbidden, "This API key was just deleted, so it can't change keys.")
	}
	return key, actor, nil
}

// checkWidening returns Forbidden if a key would give another key, or itself, scopes that it doesn't have,
// or a later expiry than its own. The actor is nil for a person, who may give any.
func (k *APIKey) checkWidening(before, after KeyAccess, scopes *scope.Catalog) error {
	if k == nil {
		return nil
	}
	if more := after.Scopes.Without(before.Scopes).Without(k.Scopes); !more.IsEmpty() {
		return Errorf(Forbidden, "This API key can't grant scopes that it doesn't have: %s.", scopes.Text(more))
	}
	if isLonger(before.ExpiresAt, after.ExpiresAt) && !k.outlives(after.ExpiresAt) {
		return Errorf(Forbidden, "This API key can't make a key expire later than itself. Set expires_at to %s or earlier.", formatExpiry(k.ExpiresAt))
	}
	return nil
}

// isLonger reports whether an expiry is later than the one before. A nil expiry is never.
func isLonger(before, after *time.Time) bool {
	return before != nil && (after == nil || after.After(*before))
}
