// Package keyauth authenticates requests by their API keys: it reads the key in the Authorization
// header, finds out what the key may do, and explains a rejection.
//
// # Use in a service
//
// Open makes the process a node that verifies keys from memory, and Gate.Require wraps any http.Handler:
//
//	gate, err := keyauth.Open(ctx, database)
//	mux.Handle("GET /orders", gate.Require("orders.read")(listOrders))
//
// CallerFrom returns whose key a request was sent with. Call Gate.Close when the process stops.
// docs/go-middleware.md explains more, and cmd/orders is a sample.
//
// # Guarantee
//
// A request sent after the call that deleted its key has returned is rejected by every node,
// without comparing the clocks of different machines. The same holds for every other change to
// what a key may do. A request that has already passed the check may finish.
//
// A node answers from memory only while it holds a lease. These steps keep the guarantee, and
// docs/security-model.md shows why they are sufficient:
//
//   - A node registers, and then drops all keys, before the poll that may grant its first lease.
//   - A change (in package models) increments the epoch in its transaction, and after the commit
//     waits until all registered nodes have acknowledged the epoch. If that takes longer than one
//     lease plus 5%, it removes the nodes that haven't. Then it returns.
//   - A poll reads the clock, then the epoch and the keys changed since the last poll, drops those
//     keys from the cache, acknowledges the epoch, and only then takes a lease, counted from the
//     clock reading. A failed poll takes no lease. A node that finds itself removed drops all keys
//     and registers again.
//   - A verification checks the lease first and looks up the key second.
//   - A key read from the database is cached only if no change has been applied since before the
//     read.
//   - A read is shared only by requests that arrived before it began.
//   - A node that stops ends its lease before it removes itself.
//
// The guarantee requires clocks that run at the same rate to within 5%, commits that survive a
// failover, and reads from the primary. Package cmd/skipup/torture tests it with the real program,
// and tests that each of the steps is necessary.
//
// # Cost
//
// A cached key takes at most BytesPerKey bytes, in memory that the garbage collector does not
// scan. A verification from memory takes no lock and allocates nothing. docs/performance.md has the
// measurements.
package keyauth

import (
	"errors"
	"fmt"

	"github.com/skipup/keys/models"
)

// Errors for missing and rejected credentials. Responses have the same text for both; only the
// challenge differs (RFC 6750 §3.1: no error code if the request has no bearer token).
var (
	ErrMissing = errors.New("no API key was sent")
	ErrInvalid = errors.New("the API key is malformed, unknown, deleted, expired, or paused")
)

// InactiveError rejects a key that is deleted, expired, or paused. It matches ErrInvalid, because a
// response must not reveal more to the sender.
type InactiveError struct {
	Key    Key
	Status models.KeyStatus
}

func (e *InactiveError) Error() string { return "the API key is " + string(e.Status) }

// Is reports whether target is ErrInvalid.
func (e *InactiveError) Is(target error) bool { return target == ErrInvalid }

// ScopeError rejects a valid key that lacks scopes.
type ScopeError struct {
	Key   Key
	Names string // of the scopes that the key lacks, separated by spaces
}

func (e *ScopeError) Error() string { return "the API key lacks " + e.Names }

// AddressError rejects a valid key that was sent from an address that its allowlist doesn't contain.
type AddressError struct{ Key Key }

func (e *AddressError) Error() string { return "the API key can't be used from this IP address" }

// UnavailableError reports that the key couldn't be verified because the database didn't respond.
type UnavailableError struct{ Err error }

func (e *UnavailableError) Error() string { return fmt.Sprintf("verify API key: %v", e.Err) }

// Unwrap returns the error of the database.
func (e *UnavailableError) Unwrap() error { return e.Err }

func isUnavailable(err error) bool {
	unavailable := new(UnavailableError)
	return errors.As(err, &unavailable)
}

func isDamaged(err error) bool { return errors.As(err, new(*models.DamagedKeyError)) }
