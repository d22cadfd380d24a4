package keyauth

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/skipup/keys/models"
)

const (
	// pollsPerLease is more than one so that a single late or lost response does not end the lease.
	pollsPerLease = 4
	// maxUnhintedInterval is the longest interval between polls while no hints about changes by other
	// nodes arrive, and after a failed poll.
	maxUnhintedInterval = 250 * time.Millisecond
	// minPollTimeout bounds a poll when the lease is short, because the poll may have to connect
	// first.
	minPollTimeout = time.Second
	// leaveTimeout limits how long a stopping node tries to remove its row.
	leaveTimeout = time.Second
)

// Run registers the node and polls the database for changes to keys until ctx is done. It polls at
// once if there is a hint that keys have changed. When ctx is done, it stops verifying keys from memory
// and removes the node. Until it runs, every verification reads the database.
func (v *Verifier) Run(ctx context.Context) {
	var listening sync.WaitGroup
	listening.Go(func() { v.source.ListenForKeyChanges(ctx) })
	defer listening.Wait()
	defer v.leave(context.WithoutCancel(ctx))
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-v.source.KeyChangeHints():
		}
		start := time.Now()
		err := v.Poll(ctx)
		if ctx.Err() != nil {
			return
		}
		v.observe(err)
		timer.Reset(v.pause(time.Since(start), err))
	}
}

// pause returns the time until the next poll, after one that took a time and returned err. It is random, so that nodes
// don't poll all at once after an outage, or after a hint that all of them got.
func (v *Verifier) pause(took time.Duration, err error) time.Duration {
	if errors.Is(err, models.ErrNodeRemoved) {
		return 0
	}
	interval := time.Duration(v.leaseLength.Load()) / pollsPerLease
	if interval == 0 { // the length is unknown before the first successful poll
		interval = models.MinLease
	}
	if err != nil || !v.source.HintsArrive() {
		interval = min(interval, maxUnhintedInterval)
	}
	if err != nil {
		return max(0, interval/2-took) + rand.N(interval/2)
	}
	return max(0, interval-rand.N(interval/4)-took)
}

// Poll reads the changes since the last poll, drops the changed keys from the cache, acknowledges the
// changes, and takes a lease that starts before the read. If any of that fails, it takes no lease. The
// first poll registers the node. If the node has been removed, Poll drops all keys and returns
// models.ErrNodeRemoved, and the next poll registers it again. Poll must not be called concurrently.
func (v *Verifier) Poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(minPollTimeout, time.Duration(v.leaseLength.Load())/pollsPerLease))
	defer cancel()
	if v.nodeID == "" {
		if err := v.register(ctx); err != nil {
			return err
		}
	}
	start := time.Now()
	changes, err := v.source.KeyChanges(ctx, v.nodeID, v.known)
	if err != nil {
		return v.forgetIfRemoved(err)
	}
	v.clockSkew.Store(int64(SkewOf(changes.DatabaseTime, start, time.Now())))
	v.applyChanges(changes)
	v.known = changes.State
	v.epoch.Store(changes.State.Epoch)
	if !changes.Acknowledged {
		if err := v.source.AcknowledgeKeyChanges(ctx, v.nodeID, changes.State); err != nil {
			return v.forgetIfRemoved(err)
		}
	}
	v.leaseLength.Store(int64(changes.Lease))
	v.lease.take(start, changes.Lease)
	return nil
}

// register registers the node under a new ID. If the call before failed, the row of that ID may be stored, and the
// next change would wait a whole lease for it, so it is removed first. That is safe because the node never polls
// under an ID before RegisterNode has returned it, and never under one whose call has failed: whatever happens to
// the row of such an ID, no lease depends on it. If the row is stored only after it was removed, a change waits for
// it once.
func (v *Verifier) register(ctx context.Context) error {
	if v.failedID != "" {
		if err := v.source.RemoveNode(ctx, v.failedID); err != nil {
			return err
		}
	}
	node := v.node
	node.ID = models.NewNodeID()
	v.failedID = node.ID
	id, err := v.source.RegisterNode(ctx, node)
	if err == nil {
		v.nodeID, v.failedID = id, ""
	}
	return err
}

func (v *Verifier) applyChanges(changes models.KeyChanges) {
	if changes.All || len(changes.Digests) > 0 {
		v.cache.apply(changes.Digests, changes.All)
	}
}

// forgetIfRemoved makes the node start over if err says that it has been removed. It returns err.
func (v *Verifier) forgetIfRemoved(err error) error {
	if errors.Is(err, models.ErrNodeRemoved) {
		v.lease.end()
		v.cache.apply(nil, true)
		v.nodeID, v.known = "", models.UnknownKeys
	}
	return err
}

// leave stops verifying keys from memory, and then removes the node. If that fails, the next change waits
// until the lease has ended, and removes it.
func (v *Verifier) leave(ctx context.Context) {
	v.lease.end()
	id := cmp.Or(v.nodeID, v.failedID)
	if id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	if err := v.source.RemoveNode(ctx, id); err != nil {
		v.log.Warn("could not remove this node; the next change to a key waits for its lease to end", "error", err)
	}
	v.nodeID, v.failedID, v.known = "", "", models.UnknownKeys
}

// SkewOf returns by how much a clock is ahead of the database's, which read databaseTime between start
// and end. It returns 0 if the difference may only be the time that the query took, or if the database
// has no clock.
func SkewOf(databaseTime, start, end time.Time) time.Duration {
	switch {
	case databaseTime.IsZero():
		return 0
	case databaseTime.Before(start.Round(0)):
		return start.Round(0).Sub(databaseTime)
	case databaseTime.After(end.Round(0)):
		return end.Round(0).Sub(databaseTime)
	}
	return 0
}
