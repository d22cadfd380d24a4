package keyauth

import (
	"context"
	"time"

	"github.com/skipup/keys/models"
)

const (
	// pollsPerLease is more than one so that a single late or lost response does not end the lease.
	pollsPerLease = 4
	// firstInterval is the interval between polls until the node knows the length of the lease.
	firstInterval = models.MinLease
	// minPollTimeout bounds a poll when the lease is short, because the poll may have to connect
	// first. With a longer lease the bound is half of it, which leaves time for another poll if the
	// connection is dead.
	minPollTimeout = time.Second
)

// Run polls the database for changes to keys until ctx is done. Until it runs, every verification
// reads the database.
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
		v.logOutage(err)
		timer.Reset(max(0, v.interval()-time.Since(start)))
	}
}

// interval returns the time from the start of one poll to the start of the next.
func (v *Verifier) interval() time.Duration {
	if length := time.Duration(v.leaseLength.Load()); length > 0 {
		return length / pollsPerLease
	}
	return firstInterval
}

// Poll reads the changes since the last poll, drops the changed keys from the cache, and takes a
// lease that starts before the read. If the read fails, it takes no lease. Poll must not be called
// concurrently.
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
	v.lease.take(start, changes.Lease)
	return nil
}

func (v *Verifier) applyChanges(changes models.KeyChanges) {
	if changes.All || len(changes.Digests) > 0 {
		v.cache.apply(changes.Digests, changes.All)
	}
}

// logOutage logs the first failed poll and the first that succeeds after it.
func (v *Verifier) logOutage(err error) {
	switch {
	case err != nil && !v.failing:
		v.log.Error("cannot read changes to API keys; when the lease ends, every request reads the database", "error", err)
	case err == nil && v.failing:
		v.log.Info("reading changes to API keys again", "epoch", v.epoch.Load())
	}
	v.failing = err != nil
}
