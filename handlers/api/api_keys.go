package api

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

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

// keyQuery contains the query parameters of the list of keys.
type keyQuery struct {
	PageQuery
	State string `query:"state"` // models.StateActive if empty
}

func (h apiKeys) list(ctx context.Context, caller web.Caller, in keyQuery) (models.Paged[wire.APIKey], error) {
	paging, err := in.page()
	if err != nil {
		return models.Paged[wire.APIKey]{}, err
	}
	state := cmp.Or(models.APIKeyState(in.State), models.StateActive)
	if !slices.Contains(models.APIKeyStates, state) {
		return models.Paged[wire.APIKey]{}, invalid("state", models.OneOf(in.State, texts(models.APIKeyStates)))
	}
	page, err := h.store.APIKeysInState(ctx, caller.WorkspaceID, state, paging)
	return wirePage(page, h.wire), err
}

func texts(states []models.APIKeyState) []string {
	names := make([]string, len(states))
	for i, state := range states {
		names[i] = string(state)
	}
	return names
}

func (h apiKeys) wire(k *models.APIKey) wire.APIKey { return k.Wire(h.store.Scopes(), h.store.Now()) }

// wireOrError returns the key that an operation of the Store returned.
func (h apiKeys) wireOrError(k *models.APIKey, err error) (wire.APIKey, error) {
	if err != nil {
		return wire.APIKey{}, err
	}
	return h.wire(k), nil
}

func (h apiKeys) show(ctx context.Context, caller web.Caller, in byID) (wire.APIKey, error) {
	return h.wireOrError(h.store.APIKey(ctx, caller.WorkspaceID, in.ID))
}

type newAPIKey struct {
	Name             string                  `json:"name"`
	Description      *string                 `json:"description"`
	Environment      *string                 `json:"environment"`
	OwnerID          *string                 `json:"owner_id"`
	NotifyNewCallers *bool                   `json:"notify_new_callers"`
	Scopes           []string                `json:"scopes"`
	ExpiresAt        given[*rfc3339]         `json:"expires_at"` // null for never; omitted for the default of the workspace
	RateLimit        given[*int]             `json:"rate_limit"`
	Allowlist        given[*allowlistChange] `json:"allowlist"`
}

// create creates an API key. Its scopes and its expiry are limited to those of the caller's key.
func (h apiKeys) create(ctx context.Context, caller web.Caller, in newAPIKey) (createdAPIKey, error) {
	set, err := scopesOf(in.Scopes, h.store.Scopes())
	if err != nil {
		return createdAPIKey{}, err
	}
	expiresAt, err := timeChange("expires_at", in.ExpiresAt)
	if err != nil {
		return createdAPIKey{}, err
	}
	rateLimit, err := rateLimitChange(in.RateLimit)
	if err != nil {
		return createdAPIKey{}, err
	}
	if in.OwnerID != nil && *in.OwnerID == "" {
		return createdAPIKey{}, errNoOwner
	}
	var allowlist models.Allowlist
	change, err := changeOfAllowlist(in.Allowlist)
	if err != nil {
		return createdAPIKey{}, err
	}
	change.Apply(&allowlist)
	key, secret, err := h.store.CreateAPIKey(ctx, caller.WorkspaceID, models.NewAPIKey{
		Name: in.Name, Description: orZero(in.Description), Environment: orZero(in.Environment), OwnerID: orZero(in.OwnerID),
		NotifyNewCallers: orZero(in.NotifyNewCallers), Scopes: set, ExpiresAt: expiresAt.Value, DefaultExpiry: !expiresAt.Given,
		RateLimit: rateLimit.Value, Allowlist: allowlist,
	})
	if err != nil {
		return createdAPIKey{}, err
	}
	return createdAPIKey{APIKey: h.wire(key), Key: secret.Reveal()}, nil
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

// keyUpdate is a merge patch of an API key (RFC 7396): omitted fields don't change, and null removes a value.
type keyUpdate struct {
	ID               string                  `param:"id" json:"-"`
	Name             given[string]           `json:"name"`
	Description      given[*string]          `json:"description"`
	Environment      given[*string]          `json:"environment"`
	OwnerID          given[string]           `json:"owner_id"`
	NotifyNewCallers given[bool]             `json:"notify_new_callers"`
	Scopes           given[[]string]         `json:"scopes"`
	ExpiresAt        given[*rfc3339]         `json:"expires_at"`
	RateLimit        given[*int]             `json:"rate_limit"`
	Allowlist        given[*allowlistChange] `json:"allowlist"`
}

// update updates an API key. Scopes that it adds, a later expiry, a higher rate limit, and further addresses are
// limited to those of the caller's key.
func (h apiKeys) update(ctx context.Context, caller web.Caller, in keyUpdate) (wire.APIKey, error) {
	u := models.KeyUpdate{Name: in.Name.Change, Description: changeOf(in.Description), Environment: changeOf(in.Environment), OwnerID: in.OwnerID.Change, NotifyNewCallers: in.NotifyNewCallers.Change}
	if in.OwnerID.Given && in.OwnerID.Value == "" {
		return wire.APIKey{}, errNoOwner
	}
	var err error
	if u.Scopes, err = scopesChange(in.Scopes, h.store.Scopes()); err != nil {
		return wire.APIKey{}, err
	}
	if u.ExpiresAt, err = timeChange("expires_at", in.ExpiresAt); err != nil {
		return wire.APIKey{}, err
	}
	if u.RateLimit, err = rateLimitChange(in.RateLimit); err != nil {
		return wire.APIKey{}, err
	}
	if u.Allowlist, err = changeOfAllowlist(in.Allowlist); err != nil {
		return wire.APIKey{}, err
	}
	return h.wireOrError(h.store.UpdateAPIKey(ctx, caller.WorkspaceID, in.ID, u))
}

// rateLimitChange returns a change of a rate limit, which null removes.
func rateLimitChange(limit given[*int]) (models.Change[int], error) {
	change := models.Change[int]{Given: limit.Given}
	if limit.Value == nil {
		return change, nil
	}
	if change.Value = *limit.Value; change.Value < 1 {
		return change, invalid("rate_limit", fmt.Sprintf("must be a whole number from 1 to %d, or null for the server's limit", models.MaxRateLimit))
	}
	return change, nil
}

// allowlistChange is a merge patch of an allowlist.
type allowlistChange struct {
	Mode      given[string]   `json:"mode"`
	Addresses given[[]string] `json:"addresses"`
}

// changeOfAllowlist returns a change of an allowlist, which null makes that of the workspace.
func changeOfAllowlist(in given[*allowlistChange]) (change models.AllowlistChange, err error) {
	switch {
	case !in.Given:
		return change, nil
	case in.Value == nil:
		return models.AllowlistChange{Mode: models.To(models.AllowlistInherit)}, nil
	}
	if in.Value.Mode.Given {
		mode, modeErr := models.ParseAllowlistMode(in.Value.Mode.Value)
		change.Mode, err = models.To(mode), modeErr
	}
	if in.Value.Addresses.Given && in.Value.Addresses.Value == nil {
		err = models.JoinInvalid(err, invalid("allowlist.addresses", "must be an array"))
	} else if in.Value.Addresses.Given {
		networks, wrong := models.ParseNetworks(in.Value.Addresses.Value)
		for _, one := range wrong {
			err = models.JoinInvalid(err, invalid(fmt.Sprintf("allowlist.addresses[%d]", one.Index), one.Problem))
		}
		change.Networks = models.To(networks)
	}
	return change, err
}

var errNoOwner = invalid("owner_id", "must be the ID of an active member")

// orZero returns the value of a field that may be omitted or null, or the zero value.
func orZero[T any](field *T) (value T) {
	if field != nil {
		value = *field
	}
	return value
}

// changeOf returns a change of text, which null empties.
func changeOf(text given[*string]) models.Change[string] {
	return models.Change[string]{Given: text.Given, Value: orZero(text.Value)}
}

type keyPause struct {
	ID    string `param:"id" json:"-"`
	Hours *int   `json:"hours"`
}

func (h apiKeys) pause(ctx context.Context, caller web.Caller, in keyPause) (wire.APIKey, error) {
	const most = int(models.MaxPause / time.Hour)
	if in.Hours == nil || *in.Hours < 1 || *in.Hours > most {
		return wire.APIKey{}, invalid("hours", fmt.Sprintf("must be a whole number from 1 to %d", most))
	}
	until := h.store.Now().Add(time.Duration(*in.Hours) * time.Hour)
	return h.wireOrError(h.store.PauseAPIKey(ctx, caller.WorkspaceID, in.ID, until))
}

func (h apiKeys) resume(ctx context.Context, caller web.Caller, in byID) (wire.APIKey, error) {
	return h.wireOrError(h.store.ResumeAPIKey(ctx, caller.WorkspaceID, in.ID))
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
