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

// seedOf is TORTURE_SEED, or a new one, which is printed.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("TORTURE_SEED"); text != "" {
		given, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("TORTURE_SEED must be a whole number: %v", err)
		}
		seed = given
	}
	t.Logf("TORTURE_SEED=%d", seed)
	return seed
}

// lengthOf is TORTURE_TIME, such as 10m, or what a test takes without it.
func lengthOf(t *testing.T, without time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv("TORTURE_TIME")
	if text == "" {
		return without
	}
	length, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("TORTURE_TIME must be a time such as 10m: %v", err)
	}
	return length
}

const (
	warmUp = 4 * time.Second
	// enough operations a second before the first fault: with fewer there is too little to see.
	enough = 500
	// recovery is how long nodes may take after the last fault. They mostly take a poll; what
	// it took is printed.
	recovery = 10 * time.Second
)

// TestTorture: whatever happens to nodes, network and database, every answer fits the promise,
// and afterwards all is as before.
func TestTorture(t *testing.T) {
	seed, length := seedOf(t), lengthOf(t, 40*time.Second)
	h := newHouse(t, "")
	clients := h.work(seed)
	time.Sleep(warmUp)
	before := make([]int, len(h.nodes))
	for i, n := range h.nodes {
		before[i] = n.descriptors()
	}
	perSecond := float64(clients.answered.Load()) / warmUp.Seconds()
	t.Logf("%.0f operations a second before the first fault", perSecond)
	if perSecond < enough {
		clients.stop()
		t.Fatalf("the run is void: %.0f operations a second are fewer than %d", perSecond, enough)
	}

	(&nemesis{h, rand.New(rand.NewPCG(seed, 1<<32))}).rage(length)
	h.cluster.restart(syscall.SIGQUIT)
	for i, n := range h.nodes {
		t.Logf("node %d is ready %v after the database", i, n.awaitReady(recovery).Round(time.Millisecond))
	}
	time.Sleep(2 * time.Second)
	clients.stop()
	h.mustNotLeak(before)
	start := time.Now()
	if h.check(t, porcupine.Ok) {
		t.Logf("%d operations on %d keys are legal, found in %v", h.len(), len(clients.every), time.Since(start).Round(time.Millisecond))
	}
}

// mustNotLeak: after everything a node has no more open than its pools may hold.
func (h *house) mustNotLeak(before []int) {
	const pool = 24 + 1 // of one node
	var connections int
	err := h.cluster.query("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()", &connections)
	if most := (len(h.nodes) + 1) * pool; err != nil || connections > most {
		h.t.Errorf("the database has %d connections, want at most %d: %v", connections, most, err)
	}
	h.client.CloseIdleConnections()
	time.Sleep(100 * time.Millisecond)
	for i, n := range h.nodes {
		if after := n.descriptors(); after > before[i]+2*pool {
			h.t.Errorf("node %d has %d files open, before the faults %d", i, after, before[i])
		}
	}
}
