package keyauth_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/keyauth"
)

// These are known failure modes of other systems that no test beside this file covers.

// Dropping a key when the change is made, not when it is committed, reads the old row once more
// and keeps it.
func TestPollIgnoresUncommittedChanges(t *testing.T) {
	eachFixture(t, func(t *testing.T, f fixture) {
		f.Exec(t, "UPDATE revocation SET node_lease_ms = 3600000, node_wait_ms = 1") // no change waits in this test
		key, header := f.key(t, models.NewAPIKey{})
		f.poll(t)
		commit := f.Begin(t,
			"UPDATE revocation SET epoch = epoch + 1, change_id = 'chg_1'",
			"UPDATE api_keys SET deleted_at = created_at, changed_epoch = (SELECT epoch FROM revocation) WHERE id = '"+key.ID+"'")
		f.poll(t)
		if !f.accepts(t, header) {
			t.Error("the key is rejected before the deletion is committed")
		}
		if !f.isCached(t, header) {
			t.Error("the key is not cached before the deletion is committed")
		}
		commit()
		f.poll(t)
		if f.accepts(t, header) {
			t.Error("the key is accepted after a poll that follows the commit")
		}
	})
}

// A node that was cut off resumes from the last epoch it has applied, so it misses no change.
func TestPollAppliesEveryChangeMissed(t *testing.T) {
	eachFixture(t, func(t *testing.T, f fixture) {
		f.takeLongLease(t)
		const keys = 5
		var headers [][]string
		for range keys {
			key, header := f.key(t, models.NewAPIKey{})
			headers = append(headers, header)
			if !f.accepts(t, header) {
				t.Fatal("a new key is rejected")
			}
			if _, err := f.DeleteAPIKey(t.Context(), f.workspace, key.ID, models.NoConfirmation); err != nil {
				t.Fatal(err)
			}
			canceled, cancel := context.WithCancel(t.Context())
			cancel()
			if err := f.Poll(canceled); err == nil {
				t.Fatal("a poll without a response succeeds")
			}
		}
		f.Exec(t, "UPDATE revocation SET node_lease_ms = 3600000, node_wait_ms = 1") // so that cached keys are used
		f.poll(t)
		for i, header := range headers {
			if f.accepts(t, header) {
				t.Errorf("key %d, deleted while the node was cut off, is accepted", i)
			}
		}
	})
}

// A poll times out early enough to leave time for another one under the same lease.
func TestPollTimesOutBeforeALongLeaseEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t, modelstest.NewPostgreSQL(t))
	const lease = 4 * time.Second
	f.Exec(t, "UPDATE revocation SET node_lease_ms = 4000, node_wait_ms = 4000")
	f.poll(t)
	unlock := f.Begin(t, "LOCK TABLE revocation IN ACCESS EXCLUSIVE MODE")
	start := time.Now()
	if err := f.Poll(t.Context()); err == nil {
		t.Error("a poll without a response succeeds")
	}
	if took := time.Since(start); took > lease*7/8 {
		t.Errorf("the poll timed out after %v, want at most %v", took, lease*7/8)
	}
	unlock()
	f.poll(t)
	if !f.Ready() {
		t.Error("the next poll takes no lease")
	}
}

// After an outage, hundreds of nodes that failed at the same time don't return to the database all at once.
func TestFailedPollsAreSpread(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, err := models.Open(modelstest.SQLiteURL(t), models.Options{})
		if err != nil || store.Close() != nil {
			t.Fatal(err)
		}
		const nodes, outage = 200, 5 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), outage)
		defer cancel()
		var (
			running sync.WaitGroup
			mu      sync.Mutex
			last    [nodes]time.Time
		)
		for i := range nodes {
			node := keyauth.New(store, keyauth.Options{Observe: func(err error) {
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					t.Error("a poll of a closed store succeeds")
				}
				if gap := time.Since(last[i]); !last[i].IsZero() && (gap < models.MinLease/2 || gap > models.MinLease) { // it knows no longer one
					t.Errorf("a node polled again after %v, want %v to %v", gap, models.MinLease/2, models.MinLease)
				}
				last[i] = time.Now()
			}})
			running.Go(func() { node.Run(ctx) })
		}
		running.Wait()
		atOnce := map[time.Time]int{}
		for _, at := range last {
			if at.IsZero() {
				t.Error("a node doesn't poll")
			}
			atOnce[at.Truncate(10*time.Millisecond)]++
		}
		for at, polls := range atOnce {
			if polls > nodes/4 {
				t.Errorf("%d of %d nodes polled within 10 ms, at %v", polls, nodes, at)
			}
		}
	})
}
