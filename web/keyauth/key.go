package keyauth

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// Key is what verification knows of a key: whose it is and what it may do. It has no pointers,
// so that a million of them are nothing for the garbage collector to walk.
type Key struct {
	id, workspace ulid.ULID
	expires       int64  // milliseconds since 1970, or never
	paused        uint32 // until, in seconds since 1970; 0 if it was not paused
	scopes        scope.Set
	deleted       bool
}

const never = math.MaxInt64

const (
	keyPrefix       = "key_"
	workspacePrefix = "ws_"
)

// newKey is the Key of a row.
func newKey(row *models.APIKey) (Key, error) {
	id, err := ulid.ParseStrict(strings.TrimPrefix(row.ID, keyPrefix))
	if err != nil {
		return Key{}, fmt.Errorf("id of API key %q: %w", row.ID, err)
	}
	workspace, err := ulid.ParseStrict(strings.TrimPrefix(row.WorkspaceID, workspacePrefix))
	if err != nil {
		return Key{}, fmt.Errorf("workspace of API key %q: %w", row.ID, err)
	}
	key := Key{id: id, workspace: workspace, expires: never, scopes: row.Scopes, deleted: row.DeletedAt != nil}
	if row.ExpiresAt != nil {
		key.expires = row.ExpiresAt.UnixMilli()
	}
	if row.PausedUntil != nil {
		key.paused = uint32(row.PausedUntil.Unix())
	}
	return key, nil
}

// ID is the id of the key.
func (k Key) ID() string { return keyPrefix + k.id.String() }

// WorkspaceID is the id of the key's workspace.
func (k Key) WorkspaceID() string { return workspacePrefix + k.workspace.String() }

// Subject is the key's id in 16 bytes, to count by.
func (k Key) Subject() [16]byte { return k.id }

// Scopes are what the key may do.
func (k Key) Scopes() scope.Set { return k.scopes }

// Require is a *ScopeError unless the key holds s.
func (k Key) Require(s scope.Scope) error {
	if !k.scopes.Has(s) {
		return &ScopeError{Key: k, Scope: s}
	}
	return nil
}

// dead is a *DeadError if the key is deleted, or expired or paused at now, a reading of time.Now.
// A key is dead from the very moment of its expiry, and until that at which its pause ends.
func (k *Key) dead(store *models.Store, now time.Time) error {
	switch {
	case k.deleted:
		return &DeadError{Key: *k, State: models.KeyDeleted}
	case k.expires != never && store.TimeAt(now).UnixMilli() >= k.expires:
		return &DeadError{Key: *k, State: models.KeyExpired}
	case k.paused != 0 && store.TimeAt(now).Unix() < int64(k.paused):
		return &DeadError{Key: *k, State: models.KeyPaused}
	}
	return nil
}
