// Package keyauth decides whether a request may pass: it recognises the key in the request's
// header, finds what it may do, and says why it refuses.
//
// # The promise
//
// A request that is sent after the call which deleted its key has returned is refused, by every
// node, and no clocks of two machines are compared for it. The same holds for every other change
// of what a key may do. A request that is past the check may finish.
//
// # How it is kept
//
// A change (in package models) adds one to the epoch, a row that is locked until the change is
// committed, so that epochs commit in order, and writes it into the keys that it changes. After
// the commit it waits one lease and 5 %, then returns.
//
// A poll, four in a lease, notes the time t0, reads the epoch and the keys that have changed
// since the last one, drops those from the cache, and then takes a lease until t0 plus its length.
// A poll that fails takes nothing.
//
// A verification checks the lease, then looks the key up, and is done if both hold. Otherwise it
// reads the store, and caches the row only if no change was applied since before it read.
//
// # Why that suffices
//
// A verification that passes at t from memory saw a lease whose poll began at t0 > t − lease. The
// deletion returned at least a lease after its commit. So if t is after that, t0 is after the
// commit: the poll has seen the change and dropped the key before the lease was taken, and the
// look-up comes after the lease is checked. No row that was read before the change can have been
// put back, since it would carry an older stamp. A read of the store is never shared with a
// request that came after it began, since it may be older than the deletion.
//
// It needs no list of nodes, no acknowledgements and no message bus. It does need clocks that
// run at the same speed within 5 %, commits that a failover keeps, and reads from the primary:
// connections to a server that is read-only are refused. The lease is kept on the monotonic and
// on the wall clock, because the first stands still while a machine sleeps.
//
// Package cmd/skipup/torture tests it on the real program, and package models/defect has the
// mistakes that the test has to find.
//
// # What it costs
//
// A key in memory takes at most BytesPerKey bytes, in blocks without pointers. A verification
// from memory takes no lock and allocates nothing: see BenchmarkVerify, and `make bench` for what
// is left of a server's throughput:
//
//	                                                 req/s   ratio  µs more
//	no authentication                                92177   1.000     0.00  (again: 0.997)
//	our gate, one busy key of 10,000                 88282   0.952     0.48
//	our gate, 10,000 keys in turn                    87187   0.942     0.62
//	our gate, 10,000 in turn of 1,000,000            83197   0.934     0.78  (of 88942; again: 1.005)
//	Echo's KeyAuth and a GORM read, 10,000 in turn   17097   0.184    47.64
//	the same and an UPDATE of last_used_at            9342   0.101    96.19
//	and the commit outlasts a power cut               3618   0.040   265.51
//
// That is `bin/bench -only 10000`, and `-only 1000000` for its line, 2026-11-25, on two shared cores,
// the server on one: medians of 25 rounds of a second that take turns, each with its flush of usage.
// One busy key was to have 0.96 of the baseline, as it had on the same machine when all was slower and the
// half microsecond weighed less. The UPDATE was to be twelve times as slow as our gate; it is 9.3
// times, and 24 times where its commits are as safe as ours.
// A hit takes 154 ns with one key, 159 with 10,000 and 212 with a million; 102 to 110 bytes a key.
//
// # Where it goes
//
// With one busy key a request is half a microsecond longer: the most of it goes to SHA-256, to
// the two clocks, to counting and to the pool of contexts. No part of it allocates.
//
// With many keys in turn it is memory that costs. A request reads three cache lines that the
// processor has forgotten, each a tenth of a microsecond and more: a cell of the index, the entry
// of the key, and the tally that it is counted in. Entry and tally are one line each, and all
// three are fetched ahead: the cell by a quick hash of the text while the clock is read, the entry
// while SHA-256 is worked out, and the tally while the request is answered. A plain load does not
// do for that: measured, the processor stands still at it when its window is full.
//
// Storing the usage of ten thousand keys each second is a tenth of a percent of the core, because
// a batch is packed and is one row. Adding batches up takes half a second of it each half minute,
// because they are merged first: one at a time they took half of the core.
package keyauth

import (
	"errors"
	"fmt"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// The refusals of a request's credentials. A client reads the same words for both; only the
// challenge differs (RFC 6750 §3.1: no error code where no bearer credentials were sent).
var (
	ErrMissing = errors.New("no API key was sent")
	ErrInvalid = errors.New("the API key is malformed, unknown, deleted, expired or paused")
)

// DeadError is the refusal of a key that is deleted, expired or paused. To whoever sent it, it is
// ErrInvalid like any other.
type DeadError struct {
	Key   Key
	State models.KeyStatus
}

func (e *DeadError) Error() string { return "the API key is " + string(e.State) }

// Is makes it an ErrInvalid.
func (e *DeadError) Is(target error) bool { return target == ErrInvalid }

// ScopeError is the refusal of a key that is good but lacks a scope.
type ScopeError struct {
	Key   Key
	Scope scope.Scope
}

func (e *ScopeError) Error() string { return "the API key lacks the scope " + e.Scope.String() }

// UnavailableError says that the store could not be asked, so that nothing is known of the key.
type UnavailableError struct{ Err error }

func (e *UnavailableError) Error() string { return fmt.Sprintf("verify API key: %v", e.Err) }

// Unwrap is the error of the store.
func (e *UnavailableError) Unwrap() error { return e.Err }

func isUnavailable(err error) bool {
	unavailable := new(UnavailableError)
	return errors.As(err, &unavailable)
}
