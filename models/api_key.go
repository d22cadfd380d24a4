package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/wire"
)

// APIKey is a key of a workspace. The dashboard shows this row and the API's middleware
// decides by it: there is no other copy. The text of the key is not in it.
type APIKey struct {
	ID                string
	WorkspaceID       string
	Name              string
	KeyPrefix         string // the part that may be shown, such as "sk_live_abc1...."
	Digest            token.Digest
	Scopes            scope.Set
	NeededScopes      scope.Set // by its accepted requests so far; it may hold some no more
	ExpiresAt         *time.Time
	FormID            *string
	CreatedByType     ActorType
	CreatedByID       *string
	CreatedByName     string
	CreatedAt         time.Time
	UpdatedAt         time.Time
	LastUsedAt        *time.Time
	LastUsedAddress   string
	LastUsedUserAgent string
	LastUsedRoute     string // such as "GET /me"
	PausedAt          *time.Time
	PausedUntil       *time.Time // a whole second; what is past means nothing
	PausedByName      string
	DeletedAt         *time.Time
	DeletedByName     string
	// When the deletion was committed, and when the last node had heard of it.
	DeletionCommittedAt *time.Time
	DeletionEffectiveAt *time.Time `gorm:"column:deletion_in_force_at"`
	DeletionReason      string     // empty unless somebody was asked for one
	ChangedEpoch        int64      // at which what the key may do has last changed
	// ReplacementID is the key that takes the place of this one, while one of both is there.
	ReplacementID *string `gorm:"column:successor_id"`
	ReplacesID    *string `gorm:"column:predecessor_id"` // the key that this one was made to take the place of
	RotationID    *string `gorm:"column:lineage_id"`     // the first key of the line; nil for that itself
}

// KeyStatus is what a key is at a moment.
type KeyStatus string

// The states of a key. Requests are accepted in the first two.
const (
	KeyActive      KeyStatus = "active"
	KeyExpiresSoon KeyStatus = "expires_soon"
	KeyPaused      KeyStatus = "paused" // until a moment
	KeyExpired     KeyStatus = "expired"
	KeyDeleted     KeyStatus = "deleted"
)

const (
	// ExpiresSoon is how long before its expiry a key is shown as expiring.
	ExpiresSoon = 14 * 24 * time.Hour
	// maxFormID is how many bytes tell one form from another: more would not fit into an index.
	maxFormID = 64
)

// StatusAt is the state of k at now. A key is dead from the very moment of its expiry, and works
// again from the very moment at which its pause ends.
func (k *APIKey) StatusAt(now time.Time) KeyStatus {
	switch {
	case k.DeletedAt != nil:
		return KeyDeleted
	case k.expiredAt(now):
		return KeyExpired
	case k.pausedAt(now):
		return KeyPaused
	case k.ExpiresAt != nil && k.ExpiresAt.Sub(now) <= ExpiresSoon:
		return KeyExpiresSoon
	}
	return KeyActive
}

func (k *APIKey) expiredAt(now time.Time) bool {
	return k.ExpiresAt != nil && !now.Before(*k.ExpiresAt)
}

func (k *APIKey) pausedAt(now time.Time) bool {
	return k.PausedUntil != nil && now.Before(*k.PausedUntil)
}

// AcceptedAt reports whether requests with k are accepted at now.
func (k *APIKey) AcceptedAt(now time.Time) bool {
	state := k.StatusAt(now)
	return state == KeyActive || state == KeyExpiresSoon
}

// Wire is k as the API and its events show it.
func (k *APIKey) Wire() wire.APIKey {
	return wire.APIKey{
		ID: k.ID, Name: k.Name, KeyPrefix: k.KeyPrefix, Scopes: k.Scopes,
		ExpiresAt: wire.OptionalTimestamp(k.ExpiresAt), LastUsedAt: wire.OptionalTimestamp(k.LastUsedAt), CreatedAt: wire.Timestamp(k.CreatedAt),
	}
}

func (k *APIKey) target() target { return target{"api_key", k.ID, k.Name} }

// NewAPIKey is a key to be made.
type NewAPIKey struct {
	Name      string
	Scopes    scope.Set
	ExpiresAt *time.Time // nil for a key that does not expire
	// FormID is a random text of the form that asks for the key. The same one twice makes one
	// key. Empty where nothing is sent twice.
	FormID string
	// Grantor are the scopes that may be given; nil for a person, who may give any.
	Grantor *scope.Set
}

// ErrFormAlreadyUsed is the error of a form that has been sent before. Its key was shown then.
var ErrFormAlreadyUsed = errors.New("this form has made its key already")

// CreateAPIKey makes a key. Its text is in the answer and nowhere else. A key may only give
// scopes that it holds itself: else the error is Forbidden.
func (s *Store) CreateAPIKey(ctx context.Context, workspaceID string, n NewAPIKey) (*APIKey, token.Secret, error) {
	n.ExpiresAt = kept(n.ExpiresAt)
	if err := s.CheckNewAPIKey(n, Fields{}); err != nil {
		return nil, token.Secret{}, err
	}
	key, secret, err := s.newAPIKey(ctx, workspaceID, n)
	if err != nil {
		return nil, token.Secret{}, err
	}
	if err := s.Tx(ctx, func(tx *Store) error { return tx.insertAPIKey(ctx, key) }); err != nil {
		return nil, token.Secret{}, err
	}
	return key, secret, nil
}

// newAPIKey is the row of n, which has been checked, and the text of its key.
func (s *Store) newAPIKey(ctx context.Context, workspaceID string, n NewAPIKey) (*APIKey, token.Secret, error) {
	actor, err := s.actor(ctx)
	if err != nil {
		return nil, token.Secret{}, err
	}
	secret := token.New(s.keys)
	return &APIKey{
		ID:            s.id("key"),
		WorkspaceID:   workspaceID,
		Name:          n.Name,
		KeyPrefix:     secret.Hint(),
		Digest:        secret.Digest(),
		Scopes:        n.Scopes,
		ExpiresAt:     n.ExpiresAt,
		FormID:        optional(clip(n.FormID, maxFormID)),
		CreatedByType: actor.Type,
		CreatedByID:   optional(actor.ID),
		CreatedByName: actor.Name,
	}, secret, nil
}

// CheckNewAPIKey is the error with which CreateAPIKey would refuse n, together with the
// complaints that the caller has found already; nil if there are none.
func (s *Store) CheckNewAPIKey(n NewAPIKey, fields Fields) error {
	checkName(fields, "name", n.Name)
	if n.ExpiresAt != nil {
		checkExpiry(fields, *n.ExpiresAt, s.now())
	}
	if err := fields.err(); err != nil {
		return err
	}
	if n.Grantor != nil && !n.Grantor.Contains(n.Scopes) {
		return Errorf(Forbidden, "An API key can only give scopes that it holds itself; this one does not hold %s.",
			n.Scopes.Without(*n.Grantor))
	}
	return nil
}

// checkExpiry: PostgreSQL, JSON and people agree about years of four digits.
func checkExpiry(fields Fields, expiresAt, now time.Time) {
	switch {
	case !expiresAt.After(now):
		fields.add("expires_at", "must be in the future")
	case expiresAt.UTC().Year() > 9999:
		fields.add("expires_at", "must be before the year 10000")
	}
}

func (s *Store) insertAPIKey(ctx context.Context, key *APIKey) error {
	err := s.with(ctx).Create(key).Error
	if errors.Is(err, gorm.ErrDuplicatedKey) && key.FormID != nil {
		return ErrFormAlreadyUsed
	}
	if err != nil {
		return fmt.Errorf("insert API key: %w", err)
	}
	details := map[string]string{"scopes": key.Scopes.String(), "key_prefix": key.KeyPrefix}
	if key.ExpiresAt != nil {
		details["expires_at"] = key.ExpiresAt.UTC().Format(time.RFC3339)
	}
	if key.ReplacesID != nil {
		details["rotated_from"] = *key.ReplacesID
	}
	if err := s.publish(ctx, key.WorkspaceID, APIKeyCreatedEvent, key.Wire()); err != nil {
		return err
	}
	return s.audit(ctx, key.WorkspaceID, "api_key.created", key.target(), details)
}

// APIKey returns a key of a workspace, deleted ones too, or NotFound.
func (s *Store) APIKey(ctx context.Context, workspaceID, id string) (*APIKey, error) {
	return s.takeAPIKey(ctx, "workspace_id = ? AND id = ?", workspaceID, id)
}

// APIKeyByID returns a key whatever its workspace, for operators, or NotFound.
func (s *Store) APIKeyByID(ctx context.Context, id string) (*APIKey, error) {
	return s.takeAPIKey(ctx, "id = ?", id)
}

// APIKeyByFormID returns the key that a form has made, or NotFound.
func (s *Store) APIKeyByFormID(ctx context.Context, workspaceID, formID string) (*APIKey, error) {
	return s.takeAPIKey(ctx, "workspace_id = ? AND form_id = ?", workspaceID, clip(formID, maxFormID))
}

// APIKeyByDigest returns the key with a digest, whatever its workspace and state, or NotFound.
func (s *Store) APIKeyByDigest(ctx context.Context, digest token.Digest) (*APIKey, error) {
	return s.takeAPIKey(ctx, "digest = ?", digest)
}

func (s *Store) takeAPIKey(ctx context.Context, condition string, args ...any) (*APIKey, error) {
	var key APIKey
	if err := s.with(ctx).Where(condition, args...).Take(&key).Error; err != nil {
		return nil, notFound(err, "API key")
	}
	return &key, nil
}

// RenameAPIKey gives a key of a workspace, which may be expired but not deleted, another name.
func (s *Store) RenameAPIKey(ctx context.Context, workspaceID, id, name string) error {
	fields := Fields{}
	checkName(fields, "name", name)
	if err := fields.err(); err != nil {
		return err
	}
	return s.Tx(ctx, func(tx *Store) error {
		key, err := tx.APIKey(ctx, workspaceID, id)
		if err != nil {
			return err
		}
		if err := tx.updateExisting(ctx, key, map[string]any{"name": name}); err != nil {
			return err
		}
		return tx.audit(ctx, workspaceID, "api_key.renamed", target{"api_key", id, name}, map[string]string{"from": key.Name})
	})
}

// updateExisting changes a key's row if the key is not deleted, by whoever else at this moment;
// NotFound if it is.
func (s *Store) updateExisting(ctx context.Context, key *APIKey, values map[string]any) error {
	update := s.with(ctx).Model(&APIKey{}).
		Where("workspace_id = ? AND id = ? AND deleted_at IS NULL", key.WorkspaceID, key.ID).
		Updates(values)
	if update.Error != nil {
		return fmt.Errorf("update API key: %w", update.Error)
	}
	if update.RowsAffected == 0 {
		return notFound(gorm.ErrRecordNotFound, "API key")
	}
	return nil
}
