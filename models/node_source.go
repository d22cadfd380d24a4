package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/usage"
)

// MaxNodesPerToken limits the nodes that are registered with a credential.
const MaxNodesPerToken = 1000

// maxNodeVersion is the longest version of a node, in characters.
const maxNodeVersion = 100

var errTokenRevoked = Errorf(Forbidden, "This credential was revoked.")

var errTooManyNodes = Errorf(FailedPrecondition, "%d nodes are registered with this credential. Stop some, or create another credential.", MaxNodesPerToken)

// NodeSource is what a server does for the nodes with a credential. They see only the keys of the
// credential's workspace, and can't act for other nodes.
type NodeSource struct{ s *Store }

// NodeSource returns the source of the nodes with a credential.
func (s *Store) NodeSource(t *NodeToken) NodeSource {
	remote := *s
	remote.nodeToken = *t
	remote.applied = new(appliedEpochs) // the nodes' own, which this process doesn't know
	return NodeSource{&remote}
}

// RegisterNode registers a node; see Store.RegisterNode. If there are too many nodes with the credential, it
// first removes those that have failed, which takes a lease.
func (n NodeSource) RegisterNode(ctx context.Context, node NewNode) (id string, err error) {
	if err := CheckNodeName(node.Name); err != nil {
		return "", err
	}
	fields := Fields{}
	checkLine(fields, "version", node.Version, maxNodeVersion)
	if node.ID != "" && !isNodeID(node.ID) {
		fields.add("node_id", "must be \"node_\" and a ULID")
	}
	if err := fields.err(); err != nil {
		return "", err
	}
	if id, err = n.s.RegisterNode(ctx, node); !errors.Is(err, errTooManyNodes) {
		return id, err
	}
	if _, err := n.s.changeKeys(ctx, func(*Store) ([]*APIKey, error) { return nil, nil }); err != nil {
		return "", err
	}
	return n.s.RegisterNode(ctx, node)
}

// AwaitKeyChanges returns the changes since the state that a node knows; see Store.KeyChanges. If there are
// none, it waits for up to wait, but at most a quarter of the lease, and returns what it read before that or,
// if this process has read another state meanwhile, reads again.
func (n NodeSource) AwaitKeyChanges(ctx context.Context, nodeID string, known KeyState, wait time.Duration) (KeyChanges, error) {
	nodeID, known.ChangeID = storable(nodeID), storable(known.ChangeID)
	changes, err := n.s.KeyChanges(ctx, nodeID, known)
	if err != nil || changes.State != known || !changes.Acknowledged {
		return changes, err
	}
	waiting, cancel := context.WithTimeout(ctx, min(wait, changes.Lease/4))
	defer cancel()
	if !n.s.seen.await(waiting, known) {
		return changes, ctx.Err()
	}
	return n.s.KeyChanges(ctx, nodeID, known)
}

// AcknowledgeKeyChanges records what a node has applied; see Store.AcknowledgeKeyChanges.
func (n NodeSource) AcknowledgeKeyChanges(ctx context.Context, nodeID string, state KeyState) error {
	state.ChangeID = storable(state.ChangeID)
	return n.s.AcknowledgeKeyChanges(ctx, storable(nodeID), state)
}

// RemoveNode removes a node that doesn't verify keys from memory, if it is registered.
func (n NodeSource) RemoveNode(ctx context.Context, id string) error {
	return n.s.RemoveNode(ctx, storable(id))
}

// APIKeyByDigest returns the key with a digest, with any status.
func (n NodeSource) APIKeyByDigest(ctx context.Context, digest token.Digest) (*APIKey, error) {
	key, err := n.s.APIKeyByDigest(ctx, digest)
	damaged := new(DamagedKeyError)
	switch {
	case err == nil && !n.s.nodeToken.MayVerify(key.WorkspaceID),
		errors.As(err, &damaged) && !n.s.nodeToken.MayVerify(damaged.WorkspaceID):
		return nil, errKeyNotFound
	}
	return key, err
}

// MayVerify reports whether nodes with the credential may verify the keys of a workspace.
func (t *NodeToken) MayVerify(workspaceID string) bool {
	return t.WorkspaceID == nil || *t.WorkspaceID == workspaceID
}

// Bounds of the counts that a node sends.
const (
	maxCounts        = 2000
	maxRequests      = 1 << 40
	maxFlushID       = 64
	maxCountedRoute  = 200
	maxCountedScopes = scope.Max * 64
)

// AddUsage adds counts to the usage of their keys; see Store.AddUsage. It ignores keys that the nodes can't
// verify, and counts requests in the future as requests of now, and those to too many routes of a workspace
// as usage.OtherRoutes.
func (n NodeSource) AddUsage(ctx context.Context, counts usage.Counts) error {
	fields := Fields{}
	checkLine(fields, "id", counts.ID, maxFlushID)
	if len(counts.Rows) > maxCounts {
		fields.add("rows", "can have at most %d items", maxCounts)
	}
	for i := range counts.Rows {
		checkCount(fields, fmt.Sprintf("rows[%d]", i), &counts.Rows[i])
	}
	if err := fields.err(); err != nil {
		return err
	}
	rows, err := n.verifiable(ctx, counts.Rows)
	if err != nil {
		return err
	}
	for i := range rows {
		c := &rows[i]
		c.Route, c.Scope = n.s.reported.limit(c.WorkspaceID, clip(c.Route, maxCountedRoute)), clip(c.Scope, maxCountedScopes)
		atMost(c, n.s.now())
	}
	return n.s.AddUsage(ctx, usage.Counts{ID: counts.ID, Rows: rows})
}

// checkCount adds errors about a count that a node sent.
func checkCount(fields Fields, name string, c *usage.Count) {
	if !c.Rejection.IsKnown() {
		fields.add(name+".rejection", "must be a reason to reject a request")
	}
	if c.StatusClass < 1 || c.StatusClass > 5 {
		fields.add(name+".status_class", "must be between 1 and 5")
	}
	if c.Outside < 0 || c.Outside > c.Requests {
		fields.add(name+".outside", "must be between 0 and the requests")
	}
	if c.Requests < 1 || c.Requests > maxRequests {
		fields.add(name+".requests", "must be between 1 and %d", maxRequests)
	}
}

// verifiable returns the counts of keys that the nodes may verify, with the workspaces of the keys.
func (n NodeSource) verifiable(ctx context.Context, counts []usage.Count) ([]usage.Count, error) {
	var keys []APIKey
	if err := n.s.with(ctx).Select("id, workspace_id").Where("id IN ?", storableAll(keyIDs(counts))).Find(&keys).Error; err != nil {
		return nil, fmt.Errorf("read counted API keys: %w", err)
	}
	workspaces := make(map[string]string, len(keys))
	for _, key := range keys {
		if n.s.nodeToken.MayVerify(key.WorkspaceID) {
			workspaces[key.ID] = key.WorkspaceID
		}
	}
	var rows []usage.Count
	for _, count := range counts {
		if count.WorkspaceID = workspaces[count.APIKeyID]; count.WorkspaceID != "" {
			rows = append(rows, count)
		}
	}
	return rows, nil
}

// atMost moves the times of a count that are after now back to now.
func atMost(c *usage.Count, now time.Time) {
	if c.Last.After(now) {
		c.Last = now
	}
	if c.First.After(c.Last) {
		c.First = c.Last
	}
	c.StartsAt = usage.Hourly.Start(c.First)
}
