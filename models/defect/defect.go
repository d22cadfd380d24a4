// Package defect seeds known mistakes into the protocol of revocation, one at a time, so that
// the proof of the protocol can show that it finds them. Only a build with the tag "defects"
// has them; in every other one they are dead code.
package defect

// Name names a mistake.
type Name string

// The mistakes, each of which somebody has made before.
const (
	IgnoreLease     Name = "ignore-lease"       // a cache that answers although its lease has run out
	LeaseFromEnd    Name = "lease-from-end"     // a lease that runs from the end of the poll, not from its start
	FillUnstamped   Name = "fill-unstamped"     // a miss that stores what it read before a change was applied
	EvictOwnOnly    Name = "evict-own-only"     // a change that only the node that made it applies
	DeleteUnwaited  Name = "delete-unwaited"    // a deletion that returns before other nodes have heard of it
	LookUpThenLease Name = "look-up-then-lease" // a lease checked after the look-up: it may have been renewed between
	ShareOldReads   Name = "share-old-reads"    // a request that takes the answer of a read begun before it came
)

// All lists the mistakes.
var All = []Name{IgnoreLease, LeaseFromEnd, FillUnstamped, EvictOwnOnly, DeleteUnwaited, LookUpThenLease, ShareOldReads}
