package keyauth

import (
	"context"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/defect"
)

const (
	// pollsPerLease is how often a node asks within a lease what has changed, so that one
	// answer that is late or lost does not end the lease.
	pollsPerLease = 4
	// firstInterval is between the polls of a node that has not heard of the lease yet.
	firstInterval = models.MinLease
	// minPollTimeout is what a poll is given however short the lease: it may have to connect
	// first. A longer lease gives it half of its length, so that there is time for another one when
	// it has found out that its connection leads nowhere.
	minPollTimeout = time.Second
)

// Run asks the store what has changed, again and again, until ctx is done. Without it, every
// verification reads the store.
func (v *Verifier) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		start := time.Now()
		err := v.Poll(ctx)
		if ctx.Err() != nil {
			return
		}
		v.report(err)
		timer.Reset(max(0, v.interval()-time.Since(start)))
	}
}

// interval is from the start of one poll to that of the next.
func (v *Verifier) interval() time.Duration {
	if length := time.Duration(v.leaseLength.Load()); length > 0 {
		return length / pollsPerLease
	}
	return firstInterval
}

// Poll asks the store once what has changed since the last time, drops it, and takes a lease
// that began before it asked. After an error the lease runs out as if nobody had asked.
// Only one Poll may run at a time.
func (v *Verifier) Poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(minPollTimeout, time.Duration(v.leaseLength.Load())/2))
	defer cancel()
	start := time.Now()
	changes, err := v.store.KeyChanges(ctx, v.epoch.Load())
	if err != nil {
		v.store.ForgetIdleConnections()
		return err
	}
	v.applyChanges(changes)
	v.epoch.Store(changes.Epoch)
	v.leaseLength.Store(int64(changes.Lease))
	if defect.Seeded(defect.LeaseFromEnd) {
		start = time.Now()
	}
	v.lease.take(start, changes.Lease)
	return nil
}

func (v *Verifier) applyChanges(changes models.KeyChanges) {
	if defect.Seeded(defect.EvictOwnOnly) && !defect.IsOwn(changes.Epoch) {
		return
	}
	if changes.All || len(changes.Digests) > 0 {
		v.cache.apply(changes.Digests, changes.All)
	}
}

// report logs the beginning and the end of an outage, not each poll of it.
func (v *Verifier) report(err error) {
	switch {
	case err != nil && !v.failing:
		v.log.Error("the changes of keys cannot be read: when the lease has run out, keys are verified against the database alone", "error", err)
	case err == nil && v.failing:
		v.log.Info("the changes of keys are read again", "epoch", v.epoch.Load())
	}
	v.failing = err != nil
}
