package api

import (
	"context"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/wire"
	"github.com/skipup/keys/web"
)

// rotatedAPIKey is a replacement together with the key itself, which only the response to its
// creation contains.
type rotatedAPIKey struct {
	wire.RotatedAPIKey
	Key string `json:"key"`
}

func (k rotatedAPIKey) withoutSecret() any { return k.RotatedAPIKey }

// rotation describes the replacement of a key. Omitted fields are copied from the key.
type rotation struct {
	ID        string          `param:"id" json:"-"`
	Scopes    given[[]string] `json:"scopes"`
	ExpiresAt given[*rfc3339] `json:"expires_at"`
}

func (*rotation) bodyOptional() {}

// rotate creates a replacement for a key. Its scopes and its expiry are limited to those of the
// caller's key, which could otherwise obtain a key with more access.
func (h apiKeys) rotate(ctx context.Context, caller web.Caller, in rotation) (rotatedAPIKey, error) {
	var wanted models.NewReplacement
	var err error
	if wanted.Scopes, err = scopesChange(in.Scopes, h.store.Scopes()); err != nil {
		return rotatedAPIKey{}, err
	}
	if wanted.ExpiresAt, err = timeChange("expires_at", in.ExpiresAt); err != nil {
		return rotatedAPIKey{}, err
	}
	key, secret, err := h.store.RotateAPIKey(ctx, caller.WorkspaceID, in.ID, wanted)
	if err != nil {
		return rotatedAPIKey{}, err
	}
	return rotatedAPIKey{RotatedAPIKey: key.WireRotated(h.store.Scopes(), h.store.Now()), Key: secret.Reveal()}, nil
}

// scopesChange returns the change to the scopes, if any. It rejects null, which could mean either all
// scopes or none.
func scopesChange(names given[[]string], scopes *scope.Catalog) (models.Change[scope.Set], error) {
	if names.Given && names.Value == nil {
		return models.Change[scope.Set]{}, invalid("scopes", "must be an array; omit it to keep the scopes of the key")
	}
	set, err := scopesOf(names.Value, scopes)
	return models.Change[scope.Set]{Given: names.Given, Value: set}, err
}
