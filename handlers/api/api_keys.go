package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/wire"
	"github.com/skipup/keys/web"
)

// apiKeys is /api_keys.
type apiKeys struct{ store *models.Store }

// createdAPIKey is a key with its text, which the answer to its creation alone carries.
type createdAPIKey struct {
	wire.APIKey
	Key string `json:"key"`
}

func (k createdAPIKey) withoutSecret() any { return k.APIKey }

func (h apiKeys) list(ctx context.Context, caller web.Caller, in PageQuery) (models.Paged[wire.APIKey], error) {
	asked, err := in.page()
	if err != nil {
		return models.Paged[wire.APIKey]{}, err
	}
	page, err := h.store.ActiveAPIKeys(ctx, caller.WorkspaceID, asked)
	return presentAll(page, (*models.APIKey).Wire), err
}

type newAPIKey struct {
	Name      string   `json:"name"`
	Scopes    []string `json:"scopes"`
	ExpiresAt *string  `json:"expires_at"`
}

// create makes a key with scopes that the caller's key holds itself.
func (h apiKeys) create(ctx context.Context, caller web.Caller, in newAPIKey) (createdAPIKey, error) {
	set, err := scopesOf(in.Scopes)
	if err != nil {
		return createdAPIKey{}, err
	}
	expiresAt, err := parseTimePointer("expires_at", in.ExpiresAt)
	if err != nil {
		return createdAPIKey{}, err
	}
	grants := caller.Key.Scopes()
	key, secret, err := h.store.CreateAPIKey(ctx, caller.WorkspaceID, models.NewAPIKey{
		Name: in.Name, Scopes: set, ExpiresAt: expiresAt, Grantor: &grants,
	})
	if err != nil {
		return createdAPIKey{}, err
	}
	return createdAPIKey{APIKey: key.Wire(), Key: secret.Reveal()}, nil
}

// scopesOf is the set of words, or a complaint about the first that is no scope.
func scopesOf(words []string) (scope.Set, error) {
	var set scope.Set
	for i, word := range words {
		s, known := scope.Parse(word)
		if !known {
			return 0, invalid(fmt.Sprintf("scopes[%d]", i), "must be one of "+strings.Join(scope.All.Words(), ", "))
		}
		set |= scope.Of(s)
	}
	return set, nil
}

// byID is the input of what is done to one thing, and needs no more than its id.
type byID struct {
	ID string `param:"id" json:"-"`
}

func (*byID) bodyOptional() {}

func (h apiKeys) delete(ctx context.Context, caller web.Caller, in byID) (nothing, error) {
	_, err := h.store.DeleteAPIKey(ctx, caller.WorkspaceID, in.ID)
	return nothing{}, err
}
