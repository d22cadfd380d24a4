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

// Key is the part of an API key that verification needs. A cached key is kept without pointers; see cache.
type Key struct {
	id, workspace ulid.ULID
	expires       int64 // milliseconds since 1970, or never
	pausedUntil   int64 // seconds since 1970; 0 if the key was not paused
	scopes        scope.Set
	rateLimit     uint32 // requests per minute; 0 for the limit of the gate
	deleted       bool
	addresses     *addressRule // nil if it may be used from anywhere
}

const never = math.MaxInt64

const (
	keyPrefix       = "key_"
	workspacePrefix = "ws_"
)

// newKey converts a row. It returns a *models.DamagedKeyError if that is impossible.
func newKey(row *models.APIKey) (Key, error) {
	id, err := ulid.ParseStrict(strings.TrimPrefix(row.ID, keyPrefix))
	if err != nil {
		return Key{}, &models.DamagedKeyError{KeyID: row.ID, Err: fmt.Errorf("its ID: %w", err)}
	}
	workspace, err := ulid.ParseStrict(strings.TrimPrefix(row.WorkspaceID, workspacePrefix))
	if err != nil {
		return Key{}, &models.DamagedKeyError{KeyID: row.ID, Err: fmt.Errorf("the ID of its workspace: %w", err)}
	}
	key := Key{id: id, workspace: workspace, expires: never, scopes: row.Scopes, rateLimit: uint32(row.RateLimit), deleted: row.DeletedAt != nil}
	if row.ExpiresAt != nil {
		key.expires = row.ExpiresAt.UnixMilli()
	}
	if row.PausedUntil != nil {
		key.pausedUntil = row.PausedUntil.Unix()
	}
	if key.addresses, err = newAddressRule(row.EffectiveAllowlist()); err != nil {
		return Key{}, &models.DamagedKeyError{KeyID: row.ID, Err: err}
	}
	return key, nil
}

// ID returns the ID of the key.
func (k Key) ID() string { return idText(keyPrefix, k.id) }

// WorkspaceID returns the ID of the key's workspace.
func (k Key) WorkspaceID() string { return idText(workspacePrefix, k.workspace) }

// idText returns an ID in the form of the API. It allocates once.
func idText(prefix string, id ulid.ULID) string {
	var text [len(keyPrefix) + ulid.EncodedSize]byte
	start := copy(text[:], prefix)
	_ = id.MarshalTextTo(text[start : start+ulid.EncodedSize]) // the size is right
	return string(text[:start+ulid.EncodedSize])
}

// Subject returns the 16 bytes of the key's ID, as the subject of a rate limit.
func (k Key) Subject() [16]byte { return k.id }

// Scopes returns the scopes of the key.
func (k Key) Scopes() scope.Set { return k.scopes }

// Require returns a *ScopeError if the key lacks any of the needed scopes.
func (k Key) Require(needed scope.Set, scopes *scope.Catalog) error {
	if missing := needed.Without(k.scopes); !missing.IsEmpty() {
		return &ScopeError{Key: k, Names: scopes.Text(missing)}
	}
	return nil
}

// check returns an *InactiveError if the key is deleted, or is expired or paused at now, a reading of
// time.Now. A key is expired from the millisecond of its expiry.
func (k *Key) check(source Source, now time.Time) error {
	switch {
	case k.deleted:
		return &InactiveError{Key: *k, Status: models.KeyDeleted}
	case k.expires != never && source.TimeAt(now).UnixMilli() >= k.expires:
		return &InactiveError{Key: *k, Status: models.KeyExpired}
	case k.pausedUntil != 0 && source.TimeAt(now).Unix() < k.pausedUntil:
		return &InactiveError{Key: *k, Status: models.KeyPaused}
	}
	return nil
}
