package models

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

// NewAPIKey describes a key to create.
type NewAPIKey struct {
	Name        string
	Description string // may be empty
	Environment string // may be empty; stored in lower case
	// NotifyNewCallers turns on notifications about new callers.
	NotifyNewCallers bool
	// OwnerID is a member. If empty, it is who creates the key, or the owner of the key that creates it.
	OwnerID   string
	Scopes    scope.Set
	ExpiresAt *time.Time // nil for a key that does not expire
	// DefaultExpiry replaces ExpiresAt with the default of the workspace's policy.
	DefaultExpiry bool
	RateLimit     int // requests per minute; 0 for the limit of the server, or of the key that creates it if that is lower
	// Allowlist is by default that of the workspace, or of the key that creates it if that is stricter.
	Allowlist Allowlist
	// FormID identifies the submitted form, so that submitting it twice creates only one key. It
	// is empty where a request is never repeated.
	FormID string
}

// ErrFormAlreadyUsed is returned if the form has already created a key.
var ErrFormAlreadyUsed = errors.New("this form has already created an API key")

// CreateAPIKey creates a key. The returned secret is not stored and cannot be read again.
//
// It returns Invalid for a lifetime that the policy of the workspace doesn't allow, and FailedPrecondition
// if the workspace has as many keys as it may have. If a key creates the key, it returns Forbidden for scopes
// that the key lacks and for a later expiry than its own, and RateLimited if the key and those it comes from
// have created too many.
func (s *Store) CreateAPIKey(ctx context.Context, workspaceID string, n NewAPIKey) (key *APIKey, secret token.Secret, err error) {
	n.ExpiresAt = storedTime(n.ExpiresAt)
	err = s.Tx(ctx, func(tx *Store) error {
		workspace, creator, err := tx.lockForCreation(ctx, workspaceID)
		if err != nil {
			return err
		}
		if err := tx.checkNewAPIKey(ctx, workspaceID, &n, Fields{}); err != nil {
			return err
		}
		n.OwnerID = cmp.Or(n.OwnerID, defaultOwner(ctx, creator))
		if n.RateLimit == 0 {
			n.RateLimit = tx.inheritedRateLimit(creator, 0)
		}
		if n.Allowlist.Mode == AllowlistInherit {
			n.Allowlist = inheritedAllowlist(creator, n.Allowlist, workspace)
		}
		if err := tx.checkGrant(creator, workspace, noAccess, KeyAccess{n.Scopes, n.ExpiresAt, n.RateLimit, n.Allowlist}); err != nil {
			return err
		}
		if err := tx.requireActive(ctx, n.Scopes); err != nil {
			return err
		}
		if key, secret, err = tx.newAPIKey(ctx, workspace, n); err != nil {
			return err
		}
		return tx.insertAPIKey(ctx, key)
	})
	if err != nil {
		return nil, token.Secret{}, err
	}
	return key, secret, nil
}

// newAPIKey returns a row and a secret for n, which must have been checked.
func (s *Store) newAPIKey(ctx context.Context, workspace *Workspace, n NewAPIKey) (*APIKey, token.Secret, error) {
	actor, err := s.actor(ctx)
	if err != nil {
		return nil, token.Secret{}, err
	}
	secret := token.NewWithPrefix(s.KeyPrefix(), workspace.Mode)
	var newCallersSince *time.Time
	if n.NotifyNewCallers {
		newCallersSince = new(s.now())
	}
	return &APIKey{
		ID:              s.id("key"),
		WorkspaceID:     workspace.ID,
		Name:            n.Name,
		Description:     n.Description,
		Environment:     n.Environment,
		KeyPrefix:       secret.Hint(),
		Digest:          secret.Digest(),
		Scopes:          n.Scopes,
		ExpiresAt:       n.ExpiresAt,
		RateLimit:       n.RateLimit,
		Allowlist:       n.Allowlist,
		FormID:          optional(clip(n.FormID, maxFormID)),
		CreatedByType:   actor.Type,
		CreatedByID:     optional(actor.ID),
		CreatedByName:   actor.Name,
		OwnerID:         optional(n.OwnerID),
		NewCallersSince: newCallersSince,
	}, secret, nil
}

// CheckNewAPIKey returns the error that CreateAPIKey would return for the values in n. It adds to
// the errors already in fields.
func (s *Store) CheckNewAPIKey(ctx context.Context, workspaceID string, n NewAPIKey, fields Fields) error {
	return s.checkNewAPIKey(ctx, workspaceID, &n, fields)
}

// checkNewAPIKey checks n, normalizes its name, and replaces a default by its value.
func (s *Store) checkNewAPIKey(ctx context.Context, workspaceID string, n *NewAPIKey, fields Fields) error {
	policy, err := s.KeyPolicy(ctx, workspaceID)
	if err != nil {
		return err
	}
	if n.DefaultExpiry {
		n.ExpiresAt, n.DefaultExpiry = storedTime(policy.DefaultExpiry(s.now())), false
	}
	checkAdded(fields, n.Scopes.Without(s.Scopes().Active()), s.Scopes())
	s.checkGrantable(ctx, fields, n.Scopes)
	n.Name = checkName(fields, "name", n.Name)
	checkKeyDescription(fields, n.Description)
	n.Environment = checkEnvironment(fields, n.Environment)
	if n.OwnerID != "" {
		if _, err := s.checkOwner(ctx, fields, workspaceID, n.OwnerID); err != nil {
			return err
		}
	}
	checkRateLimit(fields, n.RateLimit)
	n.Allowlist.check(fields)
	return n.checkAccess(fields, policy, s.now())
}

// checkAccess checks the expiry. It adds to the errors already in fields.
func (n *NewAPIKey) checkAccess(fields Fields, policy KeyPolicy, now time.Time) error {
	if n.ExpiresAt != nil {
		checkExpiry(fields, *n.ExpiresAt, now)
	}
	policy.checkNew(fields, n.ExpiresAt, now)
	return fields.err()
}

// checkExpiry rejects years of more than four digits, which RFC 3339 cannot represent.
func checkExpiry(fields Fields, expiresAt, now time.Time) {
	switch {
	case !expiresAt.After(now):
		fields.add("expires_at", "must be in the future")
	case expiresAt.UTC().Year() > 9999:
		fields.add("expires_at", "must be before the year 10000")
	}
}

// publishKey publishes an event about a key.
func (s *Store) publishKey(ctx context.Context, t EventType, key *APIKey) error {
	return s.publish(ctx, key.WorkspaceID, t, key.Wire(s.Scopes(), s.now()))
}

// insertAPIKey inserts a key and records it. Call it after lockForCreation.
func (s *Store) insertAPIKey(ctx context.Context, key *APIKey) error {
	err := s.with(ctx).Create(key).Error
	if errors.Is(err, gorm.ErrDuplicatedKey) && key.FormID != nil {
		return ErrFormAlreadyUsed
	}
	if err != nil {
		return fmt.Errorf("insert API key: %w", err)
	}
	if err := s.requireBudget(ctx, key); err != nil {
		return err
	}
	details := map[string]string{"scopes": s.Scopes().Text(key.Scopes), "key_prefix": key.KeyPrefix}
	if key.ExpiresAt != nil {
		details["expires_at"] = key.ExpiresAt.UTC().Format(time.RFC3339)
	}
	if key.RateLimit != 0 {
		details["rate_limit"] = rateLimitText(key.RateLimit)
	}
	if key.Allowlist.Mode != AllowlistInherit {
		details["allowlist"] = key.Allowlist.String()
	}
	if key.Environment != "" {
		details["environment"] = key.Environment
	}
	if owner := key.ownerID(); owner != "" && (key.CreatedByID == nil || owner != *key.CreatedByID) {
		details["owner_id"] = owner
	}
	if key.ReplacesID != nil {
		details["rotated_from"] = *key.ReplacesID
	}
	if err := s.publishKey(ctx, APIKeyCreatedEvent, key); err != nil {
		return err
	}
	s.notifyManagers(ctx, KeyCreatedNotice, key)
	return s.audit(ctx, key.WorkspaceID, "api_key.created", key.target(), details)
}
