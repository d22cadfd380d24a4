package torture

import (
	"context"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/skipup/keys/models/usage"
)

// maxRestart is how long a killed node may take until it is ready again, on a machine that is not
// slow. On a slow one, it may take ten times as long as the first start.
const maxRestart = 3 * time.Second

// TestKilledNodesLoseNothing checks that a node killed at any time loses no change that it has
// confirmed, and that no request is counted twice.
func TestKilledNodesLoseNothing(t *testing.T) {
	seed, rounds := seedOf(t), 5
	if os.Getenv("TORTURE_TIME") != "" {
		rounds = 60
	}
	p, binary, remote := startPostgres(t), build(t, skipup, "skipup"), build(t, orders, "orders")
	start := time.Now()
	c := newCluster(t, p, "postgres", binary, 3, longLease)
	limit := max(maxRestart, 10*time.Since(start)/time.Duration(len(c.nodes)))
	c.addRemotes(remote, 1)
	w := c.startWorkload(seed, clients)
	random := rand.New(rand.NewPCG(seed, 1<<33))
	var slowest time.Duration
	for round := range rounds {
		w.await(100 + random.Int64N(900))
		if round%5 == 4 {
			p.restart(syscall.SIGQUIT)
			continue
		}
		victim := c.nodes[random.IntN(len(c.nodes))]
		victim.kill()
		start := time.Now()
		victim.start()
		victim.awaitReady()
		slowest = max(slowest, time.Since(start))
	}
	t.Logf("the slowest node was ready again after %v", slowest.Round(time.Millisecond))
	if slowest > limit {
		t.Errorf("restart took %v, want at most %v", slowest, limit)
	}
	for _, n := range c.nodes {
		n.awaitReady()
	}
	w.await(enoughOperations)
	w.stop()
	c.checkKeys(w)
	c.check(t, porcupine.Ok)
	c.quit()
	for _, k := range w.all {
		if got, sent := c.counted(k), k.sent.Load(); got > sent {
			t.Errorf("key %s: counted = %d, want at most %d", k.id, got, sent)
		}
	}
}

// TestUsageMatchesResponses checks the usage counts once the nodes have shut down.
func TestUsageMatchesResponses(t *testing.T) {
	c := newCluster(t, startPostgres(t), "postgres", build(t, skipup, "skipup"), 3, longLease)
	c.addRemotes(build(t, orders, "orders"), 1)
	w := c.startWorkload(seedOf(t), clients)
	w.await(enoughOperations)
	w.stop()
	c.quit()
	for _, k := range w.all {
		if got, want := c.counted(k), k.responses.Load(); got != want {
			t.Errorf("key %s: counted = %d, want %d", k.id, got, want)
		}
	}
}

// checkKeys checks that every key whose creation has returned is accepted, unless it is deleted,
// expired, or paused, and that no key is accepted after its deletion has returned.
func (c *cluster) checkKeys(w *workload) {
	c.t.Helper()
	for _, n := range c.nodes {
		n.awaitReady()
	}
	for i, k := range w.all {
		out, ok := c.verify(c.nodes[i%len(c.nodes)], k)
		switch {
		case !ok:
			c.t.Errorf("key %s: no response", k.id)
		case k.deleted.Load() && out != rejected:
			c.t.Errorf("deleted key %s: response = %s, want %s", k.id, out, rejected)
		case !k.busy.Load() && k.expires == never && !k.current.Paused && out == rejected:
			c.t.Errorf("key %s: response = %s, want it accepted", k.id, out)
		}
	}
}

// counted returns the number of requests that the database has counted for a key, and checks that
// hours and days agree.
func (c *cluster) counted(k *key) int64 {
	c.t.Helper()
	ctx, now := context.Background(), time.Now()
	sum := func(period usage.Period) (total int64) {
		counts, err := c.store.Usage(ctx, c.workspace, k.id, period, now.AddDate(0, 0, -2), now.AddDate(0, 0, 1))
		if err != nil {
			c.t.Fatal(err)
		}
		for _, count := range counts {
			total += count.Requests
		}
		return total
	}
	hours, days := sum(usage.Hourly), sum(usage.Daily)
	if hours != days {
		c.t.Errorf("key %s: requests by hour = %d, by day = %d", k.id, hours, days)
	}
	return hours
}
