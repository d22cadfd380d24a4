package keyauth_test

import (
	"context"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// The ways in which others have let a dead key live that no test beside this file is named for.

// TestAChangeIsToldOfNoSoonerThanItIsCommitted: who drops a key when the change is made, not
// when it is committed, reads the old row once more and keeps it for good.
func TestAChangeIsToldOfNoSoonerThanItIsCommitted(t *testing.T) {
	eachHouse(t, func(t *testing.T, h house) {
		h.Exec(t, "UPDATE revocation SET lease_ms = 3600000, wait_ms = 3600000") // nobody waits here
		key, header := h.key(t, models.NewAPIKey{})
		commit := h.Begin(t,
			"UPDATE revocation SET epoch = epoch + 1",
			"UPDATE api_keys SET deleted_at = created_at, changed_epoch = (SELECT epoch FROM revocation) WHERE id = '"+key.ID+"'")
		h.poll(t)
		if !h.accepts(t, header) || !h.remembers(t, header) {
			t.Error("a change that is not committed is answered by")
		}
		commit()
		h.poll(t)
		if h.accepts(t, header) {
			t.Error("accepted after the commit and the poll that follows it")
		}
	})
}

// TestANodeThatWasCutOffLearnsOfAllThatItHasMissed: nothing is sent to it that could be lost,
// it asks from where it stopped.
func TestANodeThatWasCutOffLearnsOfAllThatItHasMissed(t *testing.T) {
	eachHouse(t, func(t *testing.T, h house) {
		h.holdLease(t)
		const keys = 5
		var headers [][]string
		for range keys {
			key, header := h.key(t, models.NewAPIKey{})
			headers = append(headers, header)
			if !h.accepts(t, header) {
				t.Fatal("refused")
			}
			if _, err := h.DeleteAPIKey(t.Context(), h.workspace, key.ID); err != nil {
				t.Fatal(err)
			}
			cutOff, cut := context.WithCancel(t.Context())
			cut()
			if err := h.Poll(cutOff); err == nil {
				t.Fatal("a poll that nobody answers has not failed")
			}
		}
		h.Exec(t, "UPDATE revocation SET lease_ms = 3600000, wait_ms = 3600000") // what is in memory is answered from there
		h.poll(t)
		for i, header := range headers {
			if h.accepts(t, header) {
				t.Errorf("key %d is accepted although it was deleted while the node was cut off", i)
			}
		}
	})
}

// TestOneLostAnswerDoesNotEndALongLease: a poll is given up while there is still time for others.
func TestOneLostAnswerDoesNotEndALongLease(t *testing.T) {
	t.Parallel()
	h := houseOn(t, modelstest.NewPostgreSQL(t))
	const lease = 4 * time.Second
	h.Exec(t, "UPDATE revocation SET lease_ms = 4000, wait_ms = 4000")
	h.poll(t)
	answer := h.Begin(t, "LOCK TABLE revocation IN ACCESS EXCLUSIVE MODE")
	start := time.Now()
	if err := h.Poll(t.Context()); err == nil || time.Since(start) > lease*7/8 {
		t.Errorf("a poll without an answer is over after %v: %v", time.Since(start), err)
	}
	answer()
	h.poll(t)
	if !h.Ready() {
		t.Error("the next poll gives no lease")
	}
}
