package torture

import (
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// seedOf returns TORTURE_SEED, or a new seed. It logs the seed, so that a run can be repeated.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("TORTURE_SEED"); text != "" {
		given, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("TORTURE_SEED: %v", err)
		}
		seed = given
	}
	t.Logf("TORTURE_SEED=%d", seed)
	return seed
}

// lengthOf returns TORTURE_TIME, such as 10m, or a default.
func lengthOf(t *testing.T, fallback time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv("TORTURE_TIME")
	if text == "" {
		return fallback
	}
	length, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("TORTURE_TIME: %v", err)
	}
	return length
}

// numberOf returns a number from the environment, or a default.
func numberOf(t *testing.T, name string, fallback int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return number
}

// enoughOperations must complete before the first fault and after the last one, so that a run on a
// slow machine proves as much.
const enoughOperations = 2000

// TestResponsesMatchTheGuarantee checks every response during faults, and that the cluster recovers.
func TestResponsesMatchTheGuarantee(t *testing.T) {
	seed, length := seedOf(t), lengthOf(t, 10*time.Second)
	operations := int64(numberOf(t, "TORTURE_OPERATIONS", 0))
	c := newCluster(t, startPostgres(t), "postgres", build(t, skipup, "skipup"), 3, longLease)
	c.addRemotes(build(t, orders, "orders"), 2)
	start := time.Now()
	w := c.startWorkload(seed, numberOf(t, "TORTURE_CLIENTS", clients))
	w.await(enoughOperations)
	t.Logf("%.0f operations per second before the first fault", enoughOperations/time.Since(start).Seconds())
	before := make([]int, len(c.nodes))
	for i, n := range c.nodes {
		before[i] = n.descriptors()
	}

	faults := time.Now()
	(&nemesis{c, rand.New(rand.NewPCG(seed, 1<<32))}).run(func() bool {
		return time.Since(faults) >= length && w.completed.Load() >= operations
	})
	c.postgres.restart(syscall.SIGQUIT)
	for i, n := range c.nodes {
		t.Logf("node %d was ready %v after the database", i, n.awaitReady().Round(time.Millisecond))
	}
	w.await(enoughOperations)
	w.stop()
	c.checkResources(before)
	start = time.Now()
	if c.check(t, porcupine.Ok) {
		t.Logf("%d operations on %d keys are legal; the search took %v", c.len(), len(w.all), time.Since(start).Round(time.Millisecond))
	}
}

// checkResources checks that nodes have no more connections and files open than their pools allow.
func (c *cluster) checkResources(before []int) {
	c.t.Helper()
	const pool = 24 + 1 // connections of a node
	var connections int
	err := c.postgres.query("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()", &connections)
	if err != nil {
		c.t.Error(err)
	}
	if limit := (len(c.servers) + 1) * pool; connections > limit {
		c.t.Errorf("database connections = %d, want at most %d", connections, limit)
	}
	c.client.CloseIdleConnections()
	for i, n := range c.nodes {
		limit := before[i] + 2*pool
		for start := time.Now(); n.descriptors() > limit; time.Sleep(10 * time.Millisecond) {
			if time.Since(start) > patience {
				c.t.Errorf("node %d: open files = %d, want at most %d (%d before the faults)", i, n.descriptors(), limit, before[i])
				break
			}
		}
	}
}
