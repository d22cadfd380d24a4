// Package nodes serves programs that verify keys through this server: nodes, for which package wire defines
// the requests and responses, and programs that send a request for each key.
package nodes

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
	"github.com/skipup/keys/web/keyauth/remote/wire"
)

// Register adds the routes to server.
func Register(server *web.Server, store *models.Store, gate *web.KeyGate) {
	h, group := nodes{store}, server.Nodes
	group.Add(http.MethodPost, wire.Register, endpoint(h, h.register))
	group.Add(http.MethodPost, wire.Changes, endpoint(h, h.changes))
	group.Add(http.MethodPost, wire.Acknowledge, endpoint(h, h.acknowledge))
	group.Add(http.MethodPost, wire.Remove, endpoint(h, h.remove))
	group.Add(http.MethodPost, wire.LookUp, endpoint(h, h.lookUp))
	group.Add(http.MethodPost, wire.Usage, endpoint(h, h.usage), web.AllowBodies(wire.MaxUsageBody))
	server.Verify.Add(http.MethodPost, "/verify", verifications{gate}.create)
}

type nodes struct{ store *models.Store }

// nothing is the response of an endpoint that has none.
type nothing struct{}

var errRemoved = &web.RequestError{Status: http.StatusGone, Type: wire.NodeRemoved, Message: "The node is not registered."}

// endpoint returns a handler that decodes the request, calls fn with the source of the nodes with its
// credential, and sends the response.
func endpoint[In, Out any](h nodes, fn func(context.Context, models.NodeSource, In) (Out, error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		var in In
		if _, err := api.BindBody(c.Request(), &in); err != nil {
			return err
		}
		out, err := fn(c.Request().Context(), h.store.NodeSource(web.NodeTokenOf(c)), in)
		if errors.Is(err, models.ErrNodeRemoved) {
			return errRemoved
		}
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, out)
	}
}

func (h nodes) register(ctx context.Context, source models.NodeSource, in wire.RegisterRequest) (wire.NodeRequest, error) {
	id, err := source.RegisterNode(ctx, models.NewNode(in))
	return wire.NodeRequest{NodeID: id}, err
}

func (h nodes) changes(ctx context.Context, source models.NodeSource, in wire.ChangesRequest) (wire.ChangesResponse, error) {
	wait := time.Duration(min(max(0, in.WaitMS), models.MaxLease.Milliseconds())) * time.Millisecond
	at := h.store.Now()
	changes, err := source.AwaitKeyChanges(ctx, in.NodeID, models.KeyState(in.Known), wait)
	if err != nil {
		return wire.ChangesResponse{}, err
	}
	response := wire.ChangesOf(changes, at)
	if catalog, id := h.store.ScopesWithChange(); id != in.Scopes { // at least as new as the changes
		response.Scopes = wire.ScopesOf(catalog, id)
	}
	return response, nil
}

func (h nodes) acknowledge(ctx context.Context, source models.NodeSource, in wire.AcknowledgeRequest) (nothing, error) {
	return nothing{}, source.AcknowledgeKeyChanges(ctx, in.NodeID, models.KeyState(in.State))
}

func (h nodes) remove(ctx context.Context, source models.NodeSource, in wire.NodeRequest) (nothing, error) {
	return nothing{}, source.RemoveNode(ctx, in.NodeID)
}

func (h nodes) lookUp(ctx context.Context, source models.NodeSource, in wire.LookUpRequest) (wire.LookUpResponse, error) {
	digest, err := wire.DigestOf(in.Digest)
	if err != nil {
		return wire.LookUpResponse{}, errDigest
	}
	row, err := source.APIKeyByDigest(ctx, digest)
	damaged := new(models.DamagedKeyError)
	switch {
	case models.IsKind(err, models.NotFound):
		return wire.LookUpResponse{}, nil
	case errors.As(err, &damaged):
		return wire.LookUpResponse{Damaged: &wire.Damaged{KeyID: damaged.KeyID, Problem: damaged.Err.Error()}}, nil
	case err != nil:
		return wire.LookUpResponse{}, err
	}
	return wire.LookUpResponse{Key: wire.KeyOf(row)}, nil
}

func (h nodes) usage(ctx context.Context, source models.NodeSource, in wire.UsageRequest) (nothing, error) {
	return nothing{}, source.AddUsage(ctx, in.Counts())
}
