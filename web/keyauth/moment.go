package keyauth

import "time"

// Moment identifies the changes that a node has applied.
type Moment struct {
	epoch      int64
	generation uint64 // tells apart changes that have the same epoch because a failover lost one
}

// Moment returns the current Moment. It reports false if the node holds no lease at now, a reading of
// time.Now. What was read from the database after a call is still true for a request that arrived at or
// before now if a later call at now returns the same Moment, and true: every change to it that has
// returned would have changed the Moment. The change must go through the Store's epochs, as revoking the
// credential of a node does.
func (v *Verifier) Moment(now time.Time) (m Moment, holdsLease bool) {
	holdsLease = v.lease.valid(now) // first, for the same reason as in Recall
	return Moment{v.epoch.Load(), v.cache.stamp()}, holdsLease
}
