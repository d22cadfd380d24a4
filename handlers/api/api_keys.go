package api

import (
	"context"
	"fmt"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/wire"
	"github.com/skipup/keys/web"
)

// apiKeys handles /api_keys.
type apiKeys struct{ store *models.Store }

// createdAPIKey is an API key together with the key itself, which only the response to its creation
// contains.
type createdAPIKey struct {
	wire.APIKey
	Key string `json:"key"`
}

func (k createdAPIKey) withoutSecret() any { return k.APIKey }

func (h apiKeys) list(ctx context.Context, caller web.Caller, in PageQuery) (models.Paged[wire.APIKey], error) {
	paging, err := in.page()
	if err != nil {
		return models.Paged[wire.APIKey]{}, err
	}
	page, err := h.store.ActiveAPIKeys(ctx, caller.WorkspaceID, paging)
	return wirePage(page, func(k *models.APIKey) wire.APIKey { return k.Wire(h.store.Scopes()) }), err
}

type newAPIKey struct {
	Name        string   `json:"name"`
	Description *string  `json:"description"`
	Scopes      []string `json:"scopes"`
	ExpiresAt   *rfc3339 `json:"expires_at"`
}

// create creates an API key. Its scopes and its expiry are limited to those of the caller's key.
func (h apiKeys) create(ctx context.Context, caller web.Caller, in newAPIKey) (createdAPIKey, error) {
	set, err := scopesOf(in.Scopes, h.store.Scopes())
	if err != nil {
		return createdAPIKey{}, err
	}
	expiresAt, err := parseTimePointer("expires_at", in.ExpiresAt)
	if err != nil {
		return createdAPIKey{}, err
	}
	var description string
	if in.Description != nil {
		description = *in.Description
	}
	key, secret, err := h.store.CreateAPIKey(ctx, caller.WorkspaceID, models.NewAPIKey{
		Name: in.Name, Description: description, Scopes: set, ExpiresAt: expiresAt,
	})
	if err != nil {
		return createdAPIKey{}, err
	}
	return createdAPIKey{APIKey: key.Wire(h.store.Scopes()), Key: secret.Reveal()}, nil
}

// scopesOf returns the set of scopes with the given names.
func scopesOf(names []string, scopes *scope.Catalog) (scope.Set, error) {
	var set scope.Set
	for i, name := range names {
		s, known := scopes.Parse(name)
		if !known {
			return scope.Set{}, invalid(fmt.Sprintf("scopes[%d]", i), models.OneOf(name, scopes.Names(scopes.Active())))
		}
		set = set.With(scope.Of(s))
	}
	return set, nil
}

// byID is the input of an operation on one object that needs only its ID.
type byID struct {
	ID string `param:"id" json:"-"`
}

func (*byID) bodyOptional() {}

func (h apiKeys) delete(ctx context.Context, caller web.Caller, in byID) (nothing, error) {
	_, err := h.store.DeleteAPIKey(ctx, caller.WorkspaceID, in.ID, models.NoConfirmation)
	return nothing{}, err
}
