package models

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"gorm.io/gorm"
)

// Node is a registered process, which may verify keys from memory.
type Node struct {
	ID             string
	TokenID        string // of the NodeToken of a node that isn't a server; otherwise empty
	Token          string `gorm:"-"` // its name; only Nodes sets it
	Name           string
	Version        string
	StartedAt      time.Time
	AppliedEpoch   int64 // the last change that it has confirmed
	AcknowledgedAt time.Time
}

// NewNode describes a node to register.
type NewNode struct {
	// ID is from NewNodeID. A node that chooses it can remove the row of a registration whose outcome it
	// doesn't know. RegisterNode chooses it if empty.
	ID        string
	Name      string // see CheckNodeName
	Version   string
	StartedAt time.Time
}

// ServerVersion begins the versions of nodes that are servers. Those of services that verify keys themselves are the
// version of the module.
const ServerVersion = "skipup "

// NewNodeID returns a random ID for one call of RegisterNode. If the call fails, its row may be stored all the
// same, or later. The node must not use the ID again: a change may have removed the row before a delayed
// INSERT adds it, and the node could then confirm a change that it hasn't applied in full.
func NewNodeID() string { return newIDSource().next(nodePrefix, time.Now()) }

const nodePrefix = "node"

// ErrNodeRemoved means that a node is no longer registered, because it didn't confirm a change within a
// lease, or because the database lost its row. It must drop all keys and register again.
var ErrNodeRemoved = errors.New("the node is not registered")

// maxNodeName is the longest name of a node, in bytes.
const maxNodeName = 100

// isNodeID reports whether id may be from NewNodeID.
func isNodeID(id string) bool {
	text, prefixed := strings.CutPrefix(id, nodePrefix+"_")
	_, err := ulid.ParseStrict(text)
	return prefixed && err == nil
}

// CheckNodeName returns an error unless name has 1 to 100 letters, digits, and characters of "-_.:[]".
func CheckNodeName(name string) error {
	valid := name != "" && len(name) <= maxNodeName
	for _, r := range name {
		isOther := r == '-' || r == '_' || r == '.' || r == ':' || r == '[' || r == ']'
		valid = valid && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || isOther)
	}
	if !valid {
		return Errorf(Invalid, "The name of a node or its credential has 1 to %d letters, digits, and the characters - _ . : [ ].", maxNodeName)
	}
	return nil
}

// RegisterNode registers a node and returns its ID. The node must not verify keys from memory before it has
// called KeyChanges with UnknownKeys and dropped all keys. It returns Conflict if the ID is used already.
func (s *Store) RegisterNode(ctx context.Context, n NewNode) (id string, err error) {
	id = cmp.Or(n.ID, NewNodeID())
	insert := s.polls.WithContext(ctx).Exec(`INSERT INTO nodes (id, token_id, name, version, started_at, applied_epoch, acknowledged_at)
		SELECT @id, @token, @name, @version, @started, epoch, @now FROM revocation
		WHERE `+hasToken+` AND (@token = '' OR (SELECT count(*) FROM nodes WHERE token_id = @token) < @max) AND `+s.dialect.durably(),
		map[string]any{"id": id, "token": s.nodeToken.ID, "name": n.Name, "version": n.Version, "started": n.StartedAt, "now": s.now(), "max": MaxNodesPerToken})
	if errors.Is(insert.Error, gorm.ErrDuplicatedKey) {
		return "", Errorf(Conflict, "A node with this ID is registered.")
	}
	if insert.Error != nil {
		return "", fmt.Errorf("register node: %w", insert.Error)
	}
	if insert.RowsAffected == 0 {
		return "", s.whyNotRegistered(ctx)
	}
	return id, nil
}

// hasToken is the condition that the credential @token isn't revoked. A server has none. The statements that
// register a node and that confirm a change for it check this themselves, because the server may have
// authenticated the request just before it heard of the revocation.
const hasToken = "(@token = '' OR EXISTS (SELECT 1 FROM node_tokens WHERE id = @token AND revoked_at IS NULL))"

// whyNotRegistered returns the error for a node that couldn't be registered.
func (s *Store) whyNotRegistered(ctx context.Context) error {
	var revoked int64
	if err := s.with(ctx).Model(&NodeToken{}).Where("id = ? AND revoked_at IS NOT NULL", s.nodeToken.ID).Count(&revoked).Error; err != nil {
		return fmt.Errorf("read node credential: %w", err)
	}
	if revoked > 0 {
		return errTokenRevoked
	}
	return errTooManyNodes
}

// AcknowledgeKeyChanges records that a node has dropped all keys that changed up to a state. It returns
// ErrNodeRemoved if the node isn't registered, or if the state isn't part of the history of the database.
//
// An acknowledgment that arrives late doesn't take back a later one, and the record is durable: a change
// removes nodes that are behind, and must not remove one that holds a lease.
func (s *Store) AcknowledgeKeyChanges(ctx context.Context, nodeID string, state KeyState) error {
	s.applied.add(state.Epoch, s.now())
	update := s.polls.WithContext(ctx).Exec(`UPDATE nodes SET acknowledged_at = @now,
			applied_epoch = CASE WHEN applied_epoch < @epoch THEN @epoch ELSE applied_epoch END
		WHERE id = @id AND token_id = @token AND `+hasToken+` AND EXISTS (SELECT 1 FROM key_changes WHERE epoch = @epoch AND change_id = @change) AND `+s.dialect.durably(),
		map[string]any{"now": s.now(), "epoch": state.Epoch, "id": nodeID, "token": s.nodeToken.ID, "change": state.ChangeID})
	if update.Error != nil {
		return fmt.Errorf("acknowledge changes to API keys: %w", update.Error)
	}
	if update.RowsAffected == 0 {
		return ErrNodeRemoved
	}
	return nil
}

// RemoveNode removes a node that doesn't verify keys from memory, if it is registered.
func (s *Store) RemoveNode(ctx context.Context, id string) error {
	if err := s.polls.WithContext(ctx).Where("id = ? AND token_id = ?", id, s.nodeToken.ID).Delete(&Node{}).Error; err != nil {
		return fmt.Errorf("remove node: %w", err)
	}
	return nil
}

// Nodes returns the registered nodes by name. A node that has failed stays registered until a change
// has waited for it.
func (s *Store) Nodes(ctx context.Context) ([]Node, error) {
	var nodes []Node
	if err := s.with(ctx).Order("name, id").Find(&nodes).Error; err != nil {
		return nil, fmt.Errorf("read nodes: %w", err)
	}
	var tokens []NodeToken
	if err := s.with(ctx).Select("id, name").Find(&tokens).Error; err != nil {
		return nil, fmt.Errorf("read node credentials: %w", err)
	}
	names := make(map[string]string, len(tokens))
	for _, t := range tokens {
		names[t.ID] = t.Name
	}
	for i := range nodes {
		nodes[i].Token = names[nodes[i].TokenID]
	}
	return nodes, nil
}

// NodeLag returns the number of registered nodes, and how many changes to keys the one furthest behind
// hasn't confirmed.
func (s *Store) NodeLag(ctx context.Context) (nodes int, lag int64, err error) {
	row := s.with(ctx).Raw(`SELECT (SELECT count(*) FROM nodes), epoch - coalesce((SELECT min(applied_epoch) FROM nodes), epoch) FROM revocation`).Row()
	if err := row.Scan(&nodes, &lag); err != nil {
		return 0, 0, fmt.Errorf("read nodes: %w", err)
	}
	return nodes, lag, nil
}

// NodesBehind returns the names of the registered nodes that haven't confirmed the change at an epoch.
func (s *Store) NodesBehind(ctx context.Context, epoch int64) ([]string, error) {
	var names []string
	if err := s.with(ctx).Model(&Node{}).Where("applied_epoch < ?", epoch).Order("name").Pluck("name", &names).Error; err != nil {
		return nil, fmt.Errorf("read nodes: %w", err)
	}
	return names, nil
}
