package models

import (
	"context"
	"time"

	"github.com/skipup/keys/models/scope"
)

// KeyAccess is what a key may do and until when.
type KeyAccess struct {
	Scopes    scope.Set
	ExpiresAt *time.Time // nil for a key that does not expire
	RateLimit int        // requests per minute; 0 for the limit of the server
	Allowlist Allowlist
}

// Access returns what the key may do.
func (k *APIKey) Access() KeyAccess {
	return KeyAccess{Scopes: k.Scopes, ExpiresAt: k.ExpiresAt, RateLimit: k.RateLimit, Allowlist: k.Allowlist}
}

// Equal reports whether a and other are the same.
func (a KeyAccess) Equal(other KeyAccess) bool {
	return a.Scopes == other.Scopes && sameTime(a.ExpiresAt, other.ExpiresAt) && a.RateLimit == other.RateLimit && a.Allowlist == other.Allowlist
}

func sameTime(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

// ChangeAPIKeyAccess changes the scopes, the expiry, the rate limit, or the allowlist of a key, which may be
// expired but not deleted. It returns Conflict if the access is no longer before, which the caller saw, so that no one
// undoes another's change by accident. When it returns, the access is in effect on all nodes, even if
// there was nothing to change: a concurrent call may just have made the change.
func (s *Store) ChangeAPIKeyAccess(ctx context.Context, workspaceID, id string, before, access KeyAccess) (*APIKey, error) {
	access.ExpiresAt = storedTime(access.ExpiresAt)
	key, err := s.APIKey(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	if err := s.CheckKeyAccess(ctx, key, access, Fields{}); err != nil {
		return nil, err
	}
	if key.DeletedAt == nil && key.Access().Equal(access) {
		_, err := s.awaitEpoch(ctx)
		return key, err
	}
	_, err = s.changeKeys(ctx, func(tx *Store) ([]*APIKey, error) {
		var workspace *Workspace
		var actor *APIKey
		if workspace, key, actor, err = tx.lockForAccess(ctx, workspaceID, id); err != nil {
			return nil, err
		}
		if !key.Access().Equal(before) {
			return nil, errAccessChanged
		}
		if err := tx.checkGrant(actor, workspace, before, access); err != nil {
			return nil, err
		}
		if err := tx.setAccess(ctx, key, access); err != nil {
			return nil, err
		}
		return []*APIKey{key}, tx.publishKey(ctx, APIKeyUpdatedEvent, key)
	})
	if err != nil {
		return nil, err
	}
	return key, nil
}

// CheckKeyAccess returns the error that ChangeAPIKeyAccess would return for access. It adds to the
// errors already in fields. An unchanged expiry may be in the past.
func (s *Store) CheckKeyAccess(ctx context.Context, key *APIKey, access KeyAccess, fields Fields) error {
	checkAdded(fields, access.Scopes.Without(key.Scopes).Without(s.Scopes().Active()), s.Scopes())
	s.checkGrantable(ctx, fields, access.Scopes.Without(key.Scopes))
	checkRateLimit(fields, access.RateLimit)
	access.Allowlist.check(fields)
	if sameTime(key.ExpiresAt, access.ExpiresAt) {
		return fields.err()
	}
	if access.ExpiresAt != nil {
		checkExpiry(fields, *access.ExpiresAt, s.now())
	}
	policy, err := s.KeyPolicy(ctx, key.WorkspaceID)
	if err != nil {
		return err
	}
	policy.checkExtended(fields, key, access.ExpiresAt, s.now())
	return fields.err()
}

var errAccessChanged = Errorf(Conflict, "Someone just changed this key's access. Review it and try again.")

// setAccess changes the access of a key whose row is locked.
func (s *Store) setAccess(ctx context.Context, key *APIKey, access KeyAccess) error {
	before := key.Access()
	if err := s.requireActive(ctx, access.Scopes.Without(before.Scopes)); err != nil {
		return err
	}
	err := s.updateExisting(ctx, key, map[string]any{
		"scopes": access.Scopes, "expires_at": access.ExpiresAt, "rate_limit": access.RateLimit,
		"allowlist_mode": access.Allowlist.Mode, "allowlist_networks": access.Allowlist.Networks,
	})
	if err != nil {
		return err
	}
	key.Scopes, key.ExpiresAt, key.RateLimit, key.Allowlist, key.UpdatedAt = access.Scopes, access.ExpiresAt, access.RateLimit, access.Allowlist, s.now()
	if s.widens(before, access) {
		s.notifyManagers(ctx, KeyWidenedNotice, key)
	}
	return s.audit(ctx, key.WorkspaceID, "api_key.access_changed", key.target(), before.differenceTo(access, s.Scopes()))
}

// widens reports whether a key with the access after may do more than with before. An allowlist that the key inherits
// allows more than any of its own.
func (s *Store) widens(before, after KeyAccess) bool {
	return !before.Scopes.Contains(after.Scopes) || expiresLater(after.ExpiresAt, before.ExpiresAt) ||
		!before.Allowlist.covers(after.Allowlist) || s.effectiveRateLimit(after.RateLimit) > s.effectiveRateLimit(before.RateLimit)
}

// lockForAccess locks a workspace, so that its default allowlist doesn't change before the transaction ends, and
// then what lockForActor locks.
func (s *Store) lockForAccess(ctx context.Context, workspaceID, id string) (workspace *Workspace, key, actor *APIKey, err error) {
	workspace, err = s.lockWorkspace(ctx, workspaceID)
	if IsKind(err, NotFound) {
		return nil, nil, nil, errKeyNotFound
	}
	if err != nil {
		return nil, nil, nil, err
	}
	key, actor, err = s.lockForActor(ctx, workspaceID, id)
	return workspace, key, actor, err
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
		return nil, nil, errKeyNotFound
	}
	if actor, err = s.actingKey(ctx); err != nil {
		return nil, nil, err
	}
	if actor != nil && actor.DeletedAt != nil {
		return nil, nil, Errorf(Forbidden, "This API key was just deleted, so it can't change keys.")
	}
	return key, actor, nil
}

// noAccess is what a key could do before it was created.
var noAccess = KeyAccess{ExpiresAt: &time.Time{}, RateLimit: 1, Allowlist: Allowlist{Mode: AllowlistEnforce}}

// checkGrant returns Forbidden if a key would give another key, or itself, scopes that it doesn't have, a
// later expiry than its own, a higher rate limit, or access from more addresses. The actor is nil for a person;
// see checkGrantable.
func (s *Store) checkGrant(actor *APIKey, workspace *Workspace, before, after KeyAccess) error {
	if actor == nil {
		return nil
	}
	if more := after.Scopes.Without(before.Scopes).Without(actor.Scopes); !more.IsEmpty() {
		return Errorf(Forbidden, "This API key can't grant scopes that it doesn't have: %s.", s.Scopes().Text(more))
	}
	if expiresLater(after.ExpiresAt, before.ExpiresAt) && expiresLater(after.ExpiresAt, actor.ExpiresAt) {
		return Errorf(Forbidden, "This API key can't give a key a later expiry than its own. Set expires_at to %s or earlier.", formatExpiry(actor.ExpiresAt))
	}
	own, granted := s.effectiveRateLimit(actor.RateLimit), s.effectiveRateLimit(after.RateLimit)
	if granted > s.effectiveRateLimit(before.RateLimit) && granted > own {
		return Errorf(Forbidden, "This API key can't give a key a higher rate limit than its own. Set rate_limit to %d or lower.", own)
	}
	return checkAllowlistGrant(actor, workspace, before.Allowlist, after.Allowlist)
}

// checkGrantable rejects scopes that the acting person's role doesn't let them give a key.
func (s *Store) checkGrantable(ctx context.Context, fields Fields, added scope.Set) {
	if denied := added.And(ungrantable(ctx)); !denied.IsEmpty() {
		fields.add("scopes", "can only include scopes that your role can grant, not %s", s.Scopes().Text(denied))
	}
}

// expiresLater reports whether an expiry is later than another, where nil means never.
func expiresLater(at, than *time.Time) bool {
	return than != nil && (at == nil || at.After(*than))
}

// differenceTo returns what changes from a to next, for the audit log.
func (a KeyAccess) differenceTo(next KeyAccess, scopes *scope.Catalog) map[string]string {
	details := map[string]string{}
	if added := next.Scopes.Without(a.Scopes); !added.IsEmpty() {
		details["scopes_added"] = scopes.Text(added)
	}
	if removed := a.Scopes.Without(next.Scopes); !removed.IsEmpty() {
		details["scopes_removed"] = scopes.Text(removed)
	}
	if !sameTime(a.ExpiresAt, next.ExpiresAt) {
		details["expires_at_before"], details["expires_at"] = formatExpiry(a.ExpiresAt), formatExpiry(next.ExpiresAt)
	}
	if a.RateLimit != next.RateLimit {
		details["rate_limit_before"], details["rate_limit"] = rateLimitText(a.RateLimit), rateLimitText(next.RateLimit)
	}
	if a.Allowlist != next.Allowlist {
		details["allowlist_before"], details["allowlist"] = a.Allowlist.String(), next.Allowlist.String()
	}
	return details
}

func formatExpiry(at *time.Time) string {
	if at == nil {
		return "never"
	}
	return at.UTC().Format(time.RFC3339)
}
