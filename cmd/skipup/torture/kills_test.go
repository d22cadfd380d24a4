package torture

import (
	"context"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/skipup/keys/models"
)

// backIn is how long a node that was killed may take until it serves again.
const backIn = 3 * time.Second

// TestKills: a node that is killed at any instant loses nothing that it has acknowledged, and
// counts nothing twice.
func TestKills(t *testing.T) {
	seed, rounds := seedOf(t), 8
	if os.Getenv("TORTURE_TIME") != "" {
		rounds = 60
	}
	h := newHouse(t, "")
	clients := h.work(seed)
	random := rand.New(rand.NewPCG(seed, 1<<33))
	var slowest time.Duration
	for round := range rounds {
		time.Sleep(time.Duration(200+random.IntN(800)) * time.Millisecond)
		if round%5 == 4 {
			h.cluster.restart(syscall.SIGQUIT)
			continue
		}
		victim := h.nodes[random.IntN(len(h.nodes))]
		victim.kill()
		start := time.Now()
		victim.start()
		victim.awaitReady(recovery)
		slowest = max(slowest, time.Since(start))
	}
	t.Logf("the slowest node was back after %v", slowest.Round(time.Millisecond))
	if slowest > backIn {
		t.Errorf("a node took %v to be back", slowest)
	}
	time.Sleep(time.Second)
	clients.stop()
	h.mustRemember(clients)
	h.check(t, porcupine.Ok)
	for _, n := range h.nodes {
		n.quit()
	}
	for _, k := range clients.every {
		if counted := h.counted(k); counted > k.asked.Load() {
			t.Errorf("key %s: %d requests are counted, %d were sent", k.id, counted, k.asked.Load())
		}
	}
}

// TestUsageAddsUp: what is counted is what clients were answered, once the nodes have stopped.
func TestUsageAddsUp(t *testing.T) {
	h := newHouse(t, "")
	clients := h.work(seedOf(t))
	time.Sleep(3 * time.Second)
	clients.stop()
	for _, n := range h.nodes {
		n.quit()
	}
	for _, k := range clients.every {
		if counted := h.counted(k); counted != k.answered.Load() {
			t.Errorf("key %s: %d requests are counted, %d were answered", k.id, counted, k.answered.Load())
		}
	}
}

// mustRemember: every key whose creation was acknowledged works unless it was deleted or has
// expired, and no key whose deletion was acknowledged does.
func (h *house) mustRemember(c *crowd) {
	for _, n := range h.nodes {
		n.awaitReady(recovery)
	}
	for i, k := range c.every {
		out, answered := h.verify(h.nodes[i%len(h.nodes)], k)
		switch {
		case !answered:
			h.t.Errorf("key %s: no answer", k.id)
		case k.deleted.Load() && out != refused:
			h.t.Errorf("key %s was deleted and is %s", k.id, out)
		case !k.busy.Load() && k.expires == never && !k.now.Paused && out == refused:
			h.t.Errorf("key %s was made, neither deleted nor paused, and is refused", k.id)
		}
	}
}

// counted is how many requests with a key the database has, by hours; the days have to agree.
func (h *house) counted(k *key) int64 {
	ctx, now := context.Background(), time.Now()
	var sums []int64
	for _, period := range []models.Period{models.Hourly, models.Daily} {
		counts, err := h.store.Usage(ctx, h.id, k.id, period, now.AddDate(0, 0, -2), now.AddDate(0, 0, 1))
		if err != nil {
			h.t.Fatal(err)
		}
		var sum int64
		for _, count := range counts {
			sum += count.Requests
		}
		sums = append(sums, sum)
	}
	if sums[0] != sums[1] {
		h.t.Errorf("key %s: %d requests by hour, %d by day", k.id, sums[0], sums[1])
	}
	return sums[0]
}
