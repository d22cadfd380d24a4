package torture

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	outageLength = 6 * time.Second
	// outageLease outlasts the outage even if starting the database takes long.
	outageLease = 30 * time.Second
	// outageLines is the number of lines that a node may log about an outage, which are changes of its state.
	outageLines = 16
)

// TestKeysWorkDuringAnOutage checks that keys in memory work while the database is unavailable for less
// than a lease, and that requests that need the database succeed again after it has returned. It logs how
// long that takes. The nodes log the outage, but not the requests that fail.
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
		unavailable        atomic.Int64 // requests of pages, of the API, and of proxies that failed
		clients            sync.WaitGroup
		logged             = make([]int, len(c.nodes)) // lengths of the logs before the outage
	)
	for i, n := range c.nodes {
		logged[i] = len(n.readLog(0))
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
				for _, path := range []string{"/api/v1/me", "/verify", "/invitations/AAAAAAAAAAAAAAAAAAAAAAAAAA"} {
					if status, _ := c.send(n, http.MethodGet, path, unknownKey().text, ""); status == http.StatusServiceUnavailable {
						unavailable.Add(1)
					}
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
	if failed, least := unavailable.Load(), int64(20*len(c.nodes)); failed < least {
		t.Errorf("requests that failed in the outage = %d, want at least %d", failed, least)
	}
	for i, n := range c.nodes {
		n.wantStateChanges(n.readLog(logged[i]))
	}
	if failed.Load() > 0 {
		t.Errorf("failed verifications = %d, want none while the lease lasts", failed.Load())
	}
}

// wantStateChanges checks that a log has the changes of the node's state in an outage, but not the requests that failed.
func (n *node) wantStateChanges(log string) {
	n.t.Helper()
	changes, requests := 0, 0
	for line := range strings.Lines(log) {
		switch {
		case !strings.Contains(line, `"msg":"request"`):
			changes++
		case strings.Contains(line, `"status":503`):
			requests++
		}
	}
	n.t.Logf("node %d logged %d lines about the outage", n.number, changes)
	if changes == 0 || changes > outageLines {
		n.t.Errorf("node %d logged %d lines about the outage, want 1 to %d:\n%.4000s", n.number, changes, outageLines, n.logged())
	}
	if requests > 0 {
		n.t.Errorf("node %d logged %d requests that failed in the outage, want none", n.number, requests)
	}
}
