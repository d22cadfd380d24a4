package api

import (
	"context"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/wire"
	"github.com/skipup/keys/web"
)

// rotatedAPIKey is a successor with its text, which the answer to its creation alone carries.
type rotatedAPIKey struct {
	wire.RotatedAPIKey
	Key string `json:"key"`
}

func (k rotatedAPIKey) withoutSecret() any { return k.RotatedAPIKey }

// rotation is what the successor of a key is to be like; what is left out is as with the key.
type rotation struct {
	ID        string          `param:"id" json:"-"`
	Scopes    given[[]string] `json:"scopes"`
	ExpiresAt given[*string]  `json:"expires_at"`
}

func (*rotation) bodyOptional() {}

// rotate makes the successor of a key, with scopes that the caller's key holds itself: else a
// key could get at the text of one that may do more.
func (h apiKeys) rotate(ctx context.Context, caller web.Caller, in rotation) (rotatedAPIKey, error) {
	grants := caller.Key.Scopes()
	wanted := models.NewReplacement{Grantor: &grants}
	var err error
	if wanted.Scopes, err = scopesChange(in.Scopes); err != nil {
		return rotatedAPIKey{}, err
	}
	if wanted.ExpiresAt, err = momentOf("expires_at", in.ExpiresAt); err != nil {
		return rotatedAPIKey{}, err
	}
	key, secret, err := h.store.RotateAPIKey(ctx, caller.WorkspaceID, in.ID, wanted)
	if err != nil {
		return rotatedAPIKey{}, err
	}
	return rotatedAPIKey{RotatedAPIKey: key.WireRotated(), Key: secret.Reveal()}, nil
}

// scopesChange is the set of words that may be left out. They cannot be null, which might mean
// all as well as none.
func scopesChange(words given[[]string]) (models.Change[scope.Set], error) {
	if words.Given && words.Value == nil {
		return models.Change[scope.Set]{}, invalid("scopes", "must be an array; leave it out for the scopes that the key has")
	}
	set, err := scopesOf(words.Value)
	return models.Change[scope.Set]{Given: words.Given, Value: set}, err
}
