package keyauth

import (
	"context"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/usage"
)

// Source is where keys come from and where their usage goes: a *models.Store, or a SkipUp server over
// HTTP. The guarantee of this package depends on what its methods promise. All may be called concurrently.
type Source interface {
	// APIKeyByDigest returns the key with a digest, in any workspace and with any status, as it was after
	// the call began. If there is none, the error is of kind models.NotFound.
	APIKeyByDigest(ctx context.Context, digest token.Digest) (*models.APIKey, error)

	// RegisterNode registers this process as a node and returns its ID, which is that of node unless the
	// source chooses another one. From then on, changes to keys wait for the node. If it fails, they may, too,
	// until RemoveNode is called with the ID of node.
	RegisterNode(ctx context.Context, node models.NewNode) (id string, err error)

	// KeyChanges returns the changes since the state that a node knows, as they were after the call began.
	// It returns models.ErrNodeRemoved if the node isn't registered, even if nothing has changed.
	KeyChanges(ctx context.Context, nodeID string, known models.KeyState) (models.KeyChanges, error)

	// AcknowledgeKeyChanges records that a node has dropped all keys that changed up to a state. It returns
	// models.ErrNodeRemoved if the node isn't registered.
	AcknowledgeKeyChanges(ctx context.Context, nodeID string, state models.KeyState) error

	// RemoveNode removes a node that doesn't verify keys from memory, if it is registered.
	RemoveNode(ctx context.Context, id string) error

	// ListenForKeyChanges receives hints about changes until ctx is done. It may return earlier if there
	// are none to receive.
	ListenForKeyChanges(ctx context.Context)

	// KeyChangeHints returns a channel that receives a value when keys may have changed. Hints may be lost.
	KeyChangeHints() <-chan struct{}

	// HintsArrive reports whether hints currently arrive. If not, the node polls more often.
	HintsArrive() bool

	// TimeAt returns the time by which keys expire, given a reading of time.Now.
	TimeAt(now time.Time) time.Time

	// Scopes returns the current catalog of scopes. It allocates nothing.
	Scopes() *scope.Catalog

	// AddUsage adds counts to the usage of their keys. Counts with an ID that it has stored before, as
	// after a lost response, are not added again.
	AddUsage(ctx context.Context, counts usage.Counts) error
}
