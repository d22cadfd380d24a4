package models_test

import (
	"testing"
	"time"

	"github.com/skipup/keys/models"
)

func TestLeaseBounds(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		wantUnchanged(t, s.Store, func() {
			for _, length := range []time.Duration{0, -time.Second, models.MinLease - time.Millisecond, models.MaxLease + time.Millisecond, 250*time.Millisecond + 1} {
				wantKind(t, s.SetLease(s.ctx, length), models.Invalid)
			}
		})
	})
}

func TestSetLeaseAppliesALongerLeaseAtOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		start := time.Now()
		if err := s.SetLease(s.ctx, models.MaxLease); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > models.MaxLease {
			t.Errorf("SetLease took %v, want at most %v", took, models.MaxLease)
		}
		s.wantLease(t, models.MaxLease, models.MaxLease)
	})
}

// Deletions meanwhile wait for the longer lease.
func TestSetLeaseWaitsForLongerLeases(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		const long, short = 400 * time.Millisecond, 100 * time.Millisecond
		if err := s.SetLease(s.ctx, long); err != nil {
			t.Fatal(err)
		}
		key := s.key(t, "CI")
		s.silentNode(t, "silent")
		set := make(chan error, 1)
		start := time.Now()
		go func() { set <- s.SetLease(s.ctx, short) }()
		for s.lease(t).Length != short {
			time.Sleep(time.Millisecond)
		}
		s.wantLease(t, short, long)
		deleting := time.Now()
		if _, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(deleting); took < long+long/20 {
			t.Errorf("the deletion took %v, want at least %v", took, long+long/20)
		}
		if err := <-set; err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < long+long/20 {
			t.Errorf("SetLease took %v, want at least %v", took, long+long/20)
		}
		s.wantLease(t, short, short)
	})
}

// After an interrupted SetLease, deletions wait for the longer lease until it is set again.
func TestInterruptedSetLeaseIsSafe(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.Exec(t, "UPDATE revocation SET node_lease_ms = 100, node_wait_ms = 300")
		s.silentNode(t, "silent")
		start := time.Now()
		if _, err := s.DeleteAPIKey(s.ctx, s.id, s.key(t, "CI").ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 315*time.Millisecond {
			t.Errorf("the deletion took %v, want at least 315ms", took)
		}
		if err := s.SetLease(s.ctx, 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		s.wantLease(t, 100*time.Millisecond, 100*time.Millisecond)
	})
}

// A longer lease is set while a shorter one waits.
func TestLastSetLeaseWins(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.Exec(t, "UPDATE revocation SET node_lease_ms = 300, node_wait_ms = 300")
		shorter := make(chan error, 1)
		go func() { shorter <- s.SetLease(s.ctx, 100*time.Millisecond) }()
		for s.lease(t).Length != 100*time.Millisecond {
			time.Sleep(time.Millisecond)
		}
		if err := s.SetLease(s.ctx, 500*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if err := <-shorter; err != nil {
			t.Fatal(err)
		}
		s.wantLease(t, 500*time.Millisecond, 500*time.Millisecond)
	})
}

func (s fixture) lease(t *testing.T) models.Lease {
	t.Helper()
	lease, err := s.Lease(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func (s fixture) wantLease(t *testing.T, length, wait time.Duration) {
	t.Helper()
	if lease := s.lease(t); lease.Length != length || lease.Wait != wait {
		t.Errorf("lease = %+v, want %v and a wait of %v", lease, length, wait)
	}
}
