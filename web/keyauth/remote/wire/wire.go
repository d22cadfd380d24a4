// Package wire defines the requests and responses between a server and the nodes that reach the database
// only through it. Requests are JSON, and name a node's credential in the Authorization header.
//
// A node follows the same steps as a server; see package keyauth. It must read its clock before it sends the
// request for changes, and take a lease only after the response to Acknowledge, if one is due.
package wire

import "time"

// Prefix is the path prefix of all requests. It has the version of the protocol.
const Prefix = "/node/v1"

// Paths after Prefix. All take POST. An ID of a node is in the body, so that the log has no IDs in URLs.
const (
	Register    = "/register"
	Changes     = "/changes"
	Acknowledge = "/acknowledge"
	Remove      = "/remove"
	LookUp      = "/look_up"
	Usage       = "/usage"
)

// Header marks the responses of a server. A node takes no other response for an answer, such as the 404 of a
// reverse proxy.
const (
	Header  = "Skipup-Node-Protocol"
	Version = "1"
)

// NodeRemoved is the type of the error for a node that isn't registered; see models.ErrNodeRemoved. Its status
// is 410.
const NodeRemoved = "node_removed"

// Bounds of the bodies of requests to Usage and of all responses, in bytes.
const (
	MaxUsageBody = 8 << 20
	MaxResponse  = 4 << 20
)

// RegisterRequest registers a node.
type RegisterRequest struct {
	ID        string    `json:"node_id"` // see models.NewNodeID
	Name      string    `json:"name"`
	Version   string    `json:"version"`
	StartedAt time.Time `json:"started_at"`
}

// NodeRequest is about a node. Register returns its ID, and Remove takes it.
type NodeRequest struct {
	NodeID string `json:"node_id"`
}

// State is a models.KeyState.
type State struct {
	Epoch    int64  `json:"epoch"`
	ChangeID string `json:"change_id"`
}

// ChangesRequest asks for the changes since a state that the node knows.
type ChangesRequest struct {
	NodeID string `json:"node_id"`
	Known  State  `json:"known"`
	Scopes string `json:"scopes"`  // ID of the catalog of scopes that the node knows
	WaitMS int64  `json:"wait_ms"` // how long to wait for a change, at most a quarter of the lease
}

// ChangesResponse has the changes.
type ChangesResponse struct {
	State        State      `json:"state"`
	Acknowledged bool       `json:"acknowledged"`
	LeaseMS      int64      `json:"lease_ms"`
	Keys         []ShortKey `json:"keys"` // that have changed
	All          bool       `json:"all"`  // all keys may have changed
	Scopes       *Scopes    `json:"scopes"`
	Time         time.Time  `json:"time"` // when the request arrived, by the clock of the server
}

// ShortKey is the first half of a digest. It identifies a key in the cache of a node, but can't be looked up,
// so a stolen credential can't ask about the keys that change.
type ShortKey [16]byte

// Scopes is the catalog of custom scopes.
type Scopes struct {
	ID     string  `json:"id"` // random, and new with each change
	Custom []Scope `json:"custom"`
}

// Scope is a custom scope.
type Scope struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
	Status string `json:"status"`
}

// AcknowledgeRequest confirms that the node has dropped all keys that changed up to a state.
type AcknowledgeRequest struct {
	NodeID string `json:"node_id"`
	State  State  `json:"state"`
}

// LookUpRequest asks for the key with a digest, in hexadecimal.
type LookUpRequest struct {
	Digest string `json:"digest"`
}

// LookUpResponse has the key. Both fields are nil if there is none.
type LookUpResponse struct {
	Key     *Key     `json:"key"`
	Damaged *Damaged `json:"damaged"`
}

// Damaged is a models.DamagedKeyError.
type Damaged struct {
	KeyID   string `json:"key_id"`
	Problem string `json:"problem"` // for the log
}

// Key is what a node needs to know of a key, and nothing more.
type Key struct {
	ID           string     `json:"id"`
	WorkspaceID  string     `json:"workspace_id"`
	Scopes       string     `json:"scopes"` // as scope.Set.String returns them
	ExpiresAt    *time.Time `json:"expires_at"`
	RateLimit    int        `json:"rate_limit"` // requests per minute; 0 for the limit of the gate
	Allowlist    Allowlist  `json:"allowlist"`  // in effect, of the key or of its workspace
	PausedUntil  *time.Time `json:"paused_until"`
	DeletedAt    *time.Time `json:"deleted_at"`
	ChangedEpoch int64      `json:"changed_epoch"`
}

// Allowlist is a models.Allowlist.
type Allowlist struct {
	Mode     string `json:"mode"`
	Networks string `json:"networks"`
}

// UsageRequest adds counts to the usage of keys.
type UsageRequest struct {
	ID   string  `json:"id"` // random; a server adds counts with the same ID once
	Rows []Count `json:"rows"`
}

// Count is a usage.Count of requests within an hour.
type Count struct {
	KeyID       string    `json:"key_id"`
	Route       string    `json:"route"`
	Scope       string    `json:"scope"`
	StatusClass int       `json:"status_class"`
	Rejection   string    `json:"rejection"`
	Requests    int64     `json:"requests"`
	Outside     int64     `json:"outside"`
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
	Address     string    `json:"address"`
	UserAgent   string    `json:"user_agent"`
	Rest        bool      `json:"rest"`
}
