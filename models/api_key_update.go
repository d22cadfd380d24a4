package models

import (
	"context"
	"errors"
	"time"

	"github.com/skipup/keys/models/scope"
)

// KeyUpdate changes some properties of a key and leaves the others as they are.
type KeyUpdate struct {
	Name, Description, Environment Change[string]
	OwnerID                        Change[string] // of an active member
	NotifyNewCallers               Change[bool]
	Scopes                         Change[scope.Set]
	ExpiresAt                      Change[*time.Time] // to nil for a key that does not expire
	RateLimit                      Change[int]        // to 0 for the limit of the server
	Allowlist                      AllowlistChange
}

// UpdateAPIKey updates a key, which may be expired but not deleted. All changes are made, or none. If they
// include the scopes, the expiry, the rate limit, or the allowlist, they are in effect on all nodes when it returns. Unlike
// ChangeAPIKeyAccess, it replaces what another call has just changed.
//
// If a key makes the change, it returns Forbidden for added scopes that it lacks, for an expiry or a rate
// limit above both the old one and its own, and for an allowlist with addresses that its own doesn't have.
func (s *Store) UpdateAPIKey(ctx context.Context, workspaceID, id string, u KeyUpdate) (key *APIKey, err error) {
	u.ExpiresAt.Value = storedTime(u.ExpiresAt.Value)
	update := func(tx *Store) (_ []*APIKey, err error) {
		key, err = tx.update(ctx, workspaceID, id, u)
		return []*APIKey{key}, err
	}
	if u.ChangesAccess() {
		_, err = s.changeKeys(ctx, update)
	} else {
		err = s.Tx(ctx, func(tx *Store) error { _, err := update(tx); return err })
	}
	if errors.Is(err, errNothingToChange) { // but another call may just have made the change
		_, err = s.awaitEpoch(ctx)
	}
	if err != nil {
		return nil, err
	}
	return key, nil
}

// ChangesAccess reports whether u changes what the key may do, so that UpdateAPIKey waits for all nodes.
func (u KeyUpdate) ChangesAccess() bool {
	return u.Scopes.Given || u.ExpiresAt.Given || u.RateLimit.Given || u.Allowlist.Given()
}

// update returns errNothingToChange if the key is as u says already.
func (s *Store) update(ctx context.Context, workspaceID, id string, u KeyUpdate) (*APIKey, error) {
	workspace, key, actor, err := s.lockForAccess(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	details, access := key.details(), key.Access()
	u.Name.apply(&details.name)
	u.Description.apply(&details.description)
	u.Environment.apply(&details.environment)
	u.OwnerID.apply(&details.ownerID)
	u.NotifyNewCallers.apply(&details.notifyNewCallers)
	u.Scopes.apply(&access.Scopes)
	u.ExpiresAt.apply(&access.ExpiresAt)
	u.RateLimit.apply(&access.RateLimit)
	u.Allowlist.Apply(&access.Allowlist)
	fields := Fields{}
	details.check(fields, key.details())
	if details.ownerID != key.ownerID() {
		if _, err := s.checkOwner(ctx, fields, workspaceID, details.ownerID); err != nil {
			return nil, err
		}
	}
	if err := s.CheckKeyAccess(ctx, key, access, fields); err != nil {
		return nil, err
	}
	if err := s.checkGrant(actor, workspace, key.Access(), access); err != nil {
		return nil, err
	}
	editsDetails, changesAccess := details != key.details(), !access.Equal(key.Access())
	if editsDetails {
		if err := s.setDetails(ctx, key, details); err != nil {
			return nil, err
		}
	}
	if changesAccess {
		if err := s.setAccess(ctx, key, access); err != nil {
			return nil, err
		}
	}
	if !editsDetails && !changesAccess {
		return key, errNothingToChange
	}
	return key, s.publishKey(ctx, APIKeyUpdatedEvent, key)
}
