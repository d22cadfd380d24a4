package models

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/wire"
)

// APIKey is an API key of a workspace. It holds a digest of the secret, never the secret itself.
type APIKey struct {
	ID                string
	WorkspaceID       string
	Name              string
	Description       string // may be empty
	Environment       string // such as "production"; may be empty
	KeyPrefix         string // the part that is safe to show, such as "sk_live_abc1...."
	Digest            token.Digest
	Scopes            scope.Set
	NeededScopes      scope.Set // used by accepted requests, including any since removed from Scopes
	ExpiresAt         *time.Time
	RateLimit         int       // requests per minute; 0 for the limit of the server
	Allowlist         Allowlist `gorm:"embedded;embeddedPrefix:allowlist_"`
	FormID            *string
	CreatedByType     ActorType
	CreatedByID       *string
	CreatedByName     string
	OwnerID           *string // the member who is responsible for the key
	CreatedAt         time.Time
	UpdatedAt         time.Time
	LastUsedAt        *time.Time
	LastUsedAddress   string
	LastUsedUserAgent string
	LastUsedRoute     string // such as "GET /me"
	PausedAt          *time.Time
	PausedUntil       *time.Time // rounded to a whole second; ignored once it has passed
	PausedByName      string
	DeleteAt          *time.Time // when the key will be deleted, if IsScheduledForDeletion
	DeleteAtByName    string     // who scheduled that
	DeletedAt         *time.Time
	DeletedByName     string
	// When the deletion was committed, and when it took effect on all nodes.
	DeletionCommittedAt *time.Time
	DeletionEffectiveAt *time.Time `gorm:"column:deletion_in_force_at"`
	DeletionReason      string     // empty if none was required
	DeletionNodes       *int       // number of nodes that could verify keys then; nil if unknown
	DeletionSilentNodes string     // names of those that didn't confirm the deletion, separated by commas
	// AcceptedAfterDeletion reports whether a node accepted a request with the key after it had applied the
	// deletion, which would be a bug.
	AcceptedAfterDeletion bool
	// Since when the people who manage the key are notified about new callers; nil if they aren't. And when they last were.
	NewCallersSince      *time.Time
	NewCallersNotifiedAt *time.Time

	ChangedEpoch int64 // epoch of the last change to what the key may do
	// ReplacementID is the key that replaces this one. It is cleared when the rotation is canceled.
	ReplacementID *string `gorm:"column:successor_id"`
	ReplacesID    *string `gorm:"column:predecessor_id"` // the key that this one was created to replace
	RotationID    *string `gorm:"column:lineage_id"`     // the first key in the rotation history; nil for that key itself

	// WorkspaceAllowlist is the default of the workspace. Only APIKeyByDigest reads it, with the key.
	WorkspaceAllowlist Allowlist `gorm:"-"`
}

// KeyStatus is the status of a key at a point in time.
type KeyStatus string

// The statuses of a key. Requests are accepted only with active and expiring keys.
const (
	KeyActive      KeyStatus = "active"
	KeyExpiresSoon KeyStatus = "expires_soon"
	KeyPaused      KeyStatus = "paused"
	KeyExpired     KeyStatus = "expired"
	KeyDeleted     KeyStatus = "deleted"
)

const (
	// ExpiresSoon is how long before its expiry a key counts as expiring soon.
	ExpiresSoon = 14 * 24 * time.Hour
	// maxFormID limits a form ID, in bytes, to what fits into a database index.
	maxFormID = 64
)

// StatusAt returns the status of the key at the given time. A key expires exactly at its expiry
// and works again exactly at the end of its pause.
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

// stateAt returns the status of the key in the API, where keys that expire soon are active.
func (k *APIKey) stateAt(now time.Time) KeyStatus {
	if status := k.StatusAt(now); status != KeyExpiresSoon {
		return status
	}
	return KeyActive
}

func (k *APIKey) expiredAt(now time.Time) bool {
	return k.ExpiresAt != nil && !now.Before(*k.ExpiresAt)
}

func (k *APIKey) pausedAt(now time.Time) bool {
	return k.PausedUntil != nil && now.Before(*k.PausedUntil)
}

// AcceptedAt reports whether requests with the key are accepted at the given time.
func (k *APIKey) AcceptedAt(now time.Time) bool {
	status := k.StatusAt(now)
	return status == KeyActive || status == KeyExpiresSoon
}

// Wire returns the key as the API and its events represent it at a time, with the names of its scopes in a
// catalog.
func (k *APIKey) Wire(scopes *scope.Catalog, now time.Time) wire.APIKey {
	w := wire.APIKey{
		State: string(k.stateAt(now)), DeletedAt: wire.OptionalTimestamp(k.DeletedAt),
		ID: k.ID, Name: k.Name, Description: optional(k.Description), Environment: optional(k.Environment), OwnerID: k.OwnerID, KeyPrefix: k.KeyPrefix, Scopes: scopes.Names(k.Scopes),
		ExpiresAt: wire.OptionalTimestamp(k.ExpiresAt), LastUsedAt: wire.OptionalTimestamp(k.LastUsedAt), DeleteAt: wire.OptionalTimestamp(k.scheduledFor()),
		CreatedAt: wire.Timestamp(k.CreatedAt),
	}
	w.NotifyNewCallers = k.NotifiesOfNewCallers()
	if k.RateLimit != 0 {
		w.RateLimit = &k.RateLimit
	}
	w.Allowlist = wire.Allowlist{Mode: k.Allowlist.Mode.Text(), Addresses: k.Allowlist.Addresses()}
	if k.pausedAt(now) && !k.IsScheduledForDeletion() {
		w.PausedUntil = wire.OptionalTimestamp(k.PausedUntil)
	}
	return w
}

func (k *APIKey) target() target { return target{"api_key", k.ID, k.Name} }

var errKeyNotFound = Errorf(NotFound, "API key not found.")

// APIKey returns a key of a workspace, even a deleted one, or NotFound.
func (s *Store) APIKey(ctx context.Context, workspaceID, id string) (*APIKey, error) {
	return s.takeAPIKey(ctx, "workspace_id = ? AND id = ?", workspaceID, id)
}

// APIKeyIDs returns the IDs of keys.
func APIKeyIDs(keys []APIKey) []string {
	ids := make([]string, len(keys))
	for i := range keys {
		ids[i] = keys[i].ID
	}
	return ids
}

// EachAPIKeyPage calls do with all keys of a workspace, including deleted ones, oldest first and some at a time.
func (s *Store) EachAPIKeyPage(ctx context.Context, workspaceID string, do func(keys []APIKey) error) error {
	for last := ""; ; {
		var keys []APIKey
		if err := s.with(ctx).Where("workspace_id = ? AND id > ?", workspaceID, last).Order("id").Limit(maxIDs).Find(&keys).Error; err != nil {
			return fmt.Errorf("read API keys: %w", err)
		}
		if len(keys) == 0 {
			return nil
		}
		if err := do(keys); err != nil {
			return err
		}
		last = keys[len(keys)-1].ID
	}
}

// APIKeyByID returns a key of any workspace, for operators, or NotFound.
func (s *Store) APIKeyByID(ctx context.Context, id string) (*APIKey, error) {
	return s.takeAPIKey(ctx, "id = ?", id)
}

// APIKeyByFormID returns the key that a form created, or NotFound.
func (s *Store) APIKeyByFormID(ctx context.Context, workspaceID, formID string) (*APIKey, error) {
	return s.takeAPIKey(ctx, "workspace_id = ? AND form_id = ?", workspaceID, clip(formID, maxFormID))
}

var apiKeyColumns = sync.OnceValue(func() string { return columnsOf(APIKey{}, "api_keys") })

// APIKeyByDigest returns the key with the given digest, in any workspace that isn't deleted and with any
// status, or NotFound. The default allowlist of its workspace is read by the same query, so that the two are of the same
// time. It returns ErrOutdated if this program may no longer use the database.
func (s *Store) APIKeyByDigest(ctx context.Context, digest token.Digest) (*APIKey, error) {
	var row struct {
		Key       APIKey    `gorm:"embedded"`
		Allowlist Allowlist `gorm:"embedded;embeddedPrefix:workspace_allowlist_"`

		OldestProgram int64
	}
	err := s.with(ctx).Table("api_keys").Select(apiKeyColumns()+", workspaces.allowlist_mode AS workspace_allowlist_mode, workspaces.allowlist_networks AS workspace_allowlist_networks, installation.oldest_program").
		Joins("JOIN workspaces ON workspaces.id = api_keys.workspace_id CROSS JOIN installation").Where("digest = ? AND workspaces.deleted_at IS NULL", digest).Take(&row).Error
	if err != nil {
		return nil, s.explainUnread(ctx, digest, notFound(err, "API key"))
	}
	if isOutdated(row.OldestProgram) {
		return nil, ErrOutdated
	}
	row.Key.WorkspaceAllowlist = row.Allowlist
	return &row.Key, nil
}

func (s *Store) takeAPIKey(ctx context.Context, condition string, args ...any) (*APIKey, error) {
	var key APIKey
	if err := s.with(ctx).Where(condition, args...).Take(&key).Error; err != nil {
		return nil, notFound(err, "API key")
	}
	return &key, nil
}

// updateExisting updates a key unless it is deleted, even concurrently, in which case it returns
// NotFound.
func (s *Store) updateExisting(ctx context.Context, key *APIKey, values map[string]any) error {
	update := s.with(ctx).Model(&APIKey{}).
		Where("workspace_id = ? AND id = ? AND deleted_at IS NULL", key.WorkspaceID, key.ID).
		Updates(values)
	if update.Error != nil {
		return fmt.Errorf("update API key: %w", update.Error)
	}
	if update.RowsAffected == 0 {
		return errKeyNotFound
	}
	return nil
}
