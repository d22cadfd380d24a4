package torture

import (
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	outageLength = 3 * time.Second
	// outageLease outlasts the outage even if starting the database takes long.
	outageLease = 30 * time.Second
)

// TestKeysWorkDuringAnOutage checks that keys in memory work while the database is unavailable for less
// than a lease, and that requests that need the database succeed again after it has returned. It logs how
// long that takes.
func TestKeysWorkDuringAnOutage(t *testing.T) {
	c := newCluster(t, startPostgres(t), "postgres", build(t, skipup, "skipup"), 3, outageLease)
	k := c.newKey()
	for _, n := range c.nodes {
		for range 3 {
			c.verify(n, k)
		}
	}
	var (
		stopped            atomic.Bool
		verified, failed   atomic.Int64 // requests with a key in memory
		served, lastFailed atomic.Int64 // requests that need the database; the time of the last failure
		clients            sync.WaitGroup
	)
	for _, n := range c.nodes {
		clients.Go(func() {
			for ; !stopped.Load(); time.Sleep(15 * time.Millisecond) {
				if _, ok := c.verify(n, k); ok {
					verified.Add(1)
				} else {
					failed.Add(1)
				}
			}
		})
		clients.Go(func() {
			for ; !stopped.Load(); time.Sleep(15 * time.Millisecond) {
				if status, _ := c.send(n, http.MethodGet, "/api/v1/api_keys?limit=1", c.admin, ""); status == http.StatusOK {
					served.Add(1)
				} else {
					lastFailed.Store(c.now())
				}
			}
		})
	}
	start := time.Now()
	c.postgres.stop(syscall.SIGQUIT)
	for i, n := range c.nodes {
		if status, body := n.ready(); status != http.StatusOK {
			t.Errorf("node %d: readiness = %d %s, want 200 while the lease lasts", i, status, body)
		}
		for !n.says("this node accepts the keys in its memory") {
			if time.Since(start) > patience {
				t.Fatalf("node %d does not report the outage", i)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	time.Sleep(outageLength - time.Since(start))
	c.postgres.start()
	t.Logf("the outage took %v", time.Since(start).Round(time.Millisecond))
	returned := c.now()
	for before := served.Load(); served.Load() < before+300; time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > patience {
			t.Error("requests that need the database still fail")
			break
		}
	}
	stopped.Store(true)
	clients.Wait()
	recovery := max(0, time.Duration(lastFailed.Load()-returned))
	t.Logf("%d verifications from memory succeeded and %d failed; requests that need the database failed for %v after its return",
		verified.Load(), failed.Load(), recovery.Round(time.Millisecond))
	if failed.Load() > 0 {
		t.Errorf("failed verifications = %d, want none while the lease lasts", failed.Load())
	}
}
