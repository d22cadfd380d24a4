package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/web"
)

// apiKeys is /api_keys.
type apiKeys struct{ store *models.Store }

// apiKey is a key on the wire. Key is its text, in the answer to its creation alone.
type apiKey struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Key        string     `json:"key,omitempty"`
	KeyPrefix  string     `json:"key_prefix"`
	Scopes     scope.Set  `json:"scopes"`
	ExpiresAt  *timestamp `json:"expires_at"`
	LastUsedAt *timestamp `json:"last_used_at"`
	CreatedAt  timestamp  `json:"created_at"`
}

func presentAPIKey(key *models.APIKey) apiKey {
	return apiKey{
		ID: key.ID, Name: key.Name, KeyPrefix: key.KeyPrefix, Scopes: key.Scopes,
		ExpiresAt: moment(key.ExpiresAt), LastUsedAt: moment(key.LastUsedAt), CreatedAt: timestamp(key.CreatedAt),
	}
}

func (h apiKeys) list(ctx context.Context, caller web.Caller, in PageQuery) (models.Paged[apiKey], error) {
	asked, err := in.page()
	if err != nil {
		return models.Paged[apiKey]{}, err
	}
	page, err := h.store.ActiveAPIKeys(ctx, caller.WorkspaceID, asked)
	return presentAll(page, presentAPIKey), err
}

type newAPIKey struct {
	Name      string   `json:"name"`
	Scopes    []string `json:"scopes"`
	ExpiresAt *string  `json:"expires_at"`
}

// create makes a key with scopes that the caller's key holds itself.
func (h apiKeys) create(ctx context.Context, caller web.Caller, in newAPIKey) (apiKey, error) {
	set, err := scopesOf(in.Scopes)
	if err != nil {
		return apiKey{}, err
	}
	expiresAt, err := parseTimePointer("expires_at", in.ExpiresAt)
	if err != nil {
		return apiKey{}, err
	}
	grants := caller.Key.Scopes()
	key, secret, err := h.store.CreateAPIKey(ctx, caller.WorkspaceID, models.NewAPIKey{
		Name: in.Name, Scopes: set, ExpiresAt: expiresAt, Grantor: &grants,
	})
	if err != nil {
		return apiKey{}, err
	}
	made := presentAPIKey(key)
	made.Key = secret.Reveal()
	return made, nil
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

type byID struct {
	ID string `param:"id"`
}

func (h apiKeys) delete(ctx context.Context, caller web.Caller, in byID) (nothing, error) {
	_, err := h.store.DeleteAPIKey(ctx, caller.WorkspaceID, in.ID)
	return nothing{}, err
}
