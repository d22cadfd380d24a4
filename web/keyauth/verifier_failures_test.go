package keyauth_test

import (
	"context"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
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
