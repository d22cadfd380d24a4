package api

import (
	"context"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/wire"
	"github.com/skipup/keys/web"
)

// me handles /me, with which a client can verify its key.
type me struct{ store *models.Store }

type self struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	KeyPrefix string          `json:"key_prefix"`
	Scopes    []string        `json:"scopes"`
	ExpiresAt *wire.Timestamp `json:"expires_at"`
	Workspace workspace       `json:"workspace"`
}

type workspace struct {
	ID   string     `json:"id"`
	Name string     `json:"name"`
	Mode token.Mode `json:"mode"`
}

// delete deletes the caller's key.
func (h me) delete(ctx context.Context, caller web.Caller, _ nothing) (nothing, error) {
	_, err := h.store.DeleteAPIKey(ctx, caller.WorkspaceID, caller.Key.ID(), models.NoConfirmation)
	return nothing{}, err
}

func (h me) show(ctx context.Context, caller web.Caller, _ nothing) (self, error) {
	ws, err := h.store.Workspace(ctx, caller.WorkspaceID)
	if err != nil {
		return self{}, err
	}
	key, err := h.store.APIKey(ctx, caller.WorkspaceID, caller.Key.ID())
	if err != nil {
		return self{}, err
	}
	return self{
		ID: key.ID, Name: key.Name, KeyPrefix: key.KeyPrefix, Scopes: h.store.Scopes().Names(key.Scopes), ExpiresAt: wire.OptionalTimestamp(key.ExpiresAt),
		Workspace: workspace{ID: ws.ID, Name: ws.Name, Mode: ws.Mode},
	}, nil
}
