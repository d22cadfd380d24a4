package torture

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// clients is the usual number of clients.
	clients = 24
	// retireAfter keeps the history of each key short enough to search.
	retireAfter = 400
	// thinkTime is the pause between two requests of a client.
	thinkTime = 4 * time.Millisecond
)

// workload is a number of clients that use and change a pool of keys.
type workload struct {
	*cluster
	completed atomic.Int64 // operations with a response
	stopped   atomic.Bool
	running   sync.WaitGroup

	mu   sync.Mutex
	keys []*key // in use
	all  []*key
}

// startWorkload starts the clients, each with a random source of its own. They share a few more keys than there are clients.
func (c *cluster) startWorkload(seed uint64, clients int) *workload {
	w := &workload{cluster: c, keys: make([]*key, clients*5/4)}
	for n := range clients {
		random := rand.New(rand.NewPCG(seed, uint64(n)))
		w.running.Go(func() {
			for !w.stopped.Load() {
				w.act(random)
				time.Sleep(thinkTime)
			}
		})
	}
	return w
}

func (w *workload) stop() {
	w.stopped.Store(true)
	w.running.Wait()
}

// await waits until the clients have completed a number of further operations.
func (w *workload) await(operations int64) {
	w.t.Helper()
	target := w.completed.Load() + operations
	for start := time.Now(); w.completed.Load() < target; time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > patience {
			w.t.Errorf("%d operations completed in %v, want %d", operations-target+w.completed.Load(), patience, operations)
			return
		}
	}
}

// act carries out one random operation, usually a verification.
func (w *workload) act(random *rand.Rand) {
	n, slot := w.nodes[random.IntN(len(w.nodes))], random.IntN(len(w.keys))
	server := w.servers[random.IntN(len(w.servers))]
	k := w.at(slot)
	if k == nil || k.sent.Load() > retireAfter {
		var expires time.Duration
		if random.IntN(4) == 0 {
			expires = time.Duration(1+random.IntN(8)) * time.Second
		}
		if created := w.create(server, expires); created != nil {
			w.put(slot, created)
			w.completed.Add(1)
		}
		return
	}
	switch dice := random.IntN(1000); {
	case dice < 12 && k.busy.CompareAndSwap(false, true):
		if w.delete(server, k) == done {
			w.completed.Add(1)
		}
	case dice < 24 && !k.deleted.Load() && k.busy.CompareAndSwap(false, true):
		if w.rescope(k, random.IntN(2) == 0) != unknown {
			k.busy.Store(false)
			w.completed.Add(1)
		}
	case dice < 36 && !k.deleted.Load() && k.busy.CompareAndSwap(false, true):
		if w.pause(k) != unknown {
			k.busy.Store(false)
			w.completed.Add(1)
		}
	case dice < 38:
		if out, ok := w.verify(n, unknownKey()); ok && out != rejected {
			w.t.Errorf("node %d: an unknown key is %s, want %s", n.number, out, rejected)
		}
	default:
		if _, ok := w.verify(n, k); ok {
			w.completed.Add(1)
		}
	}
}

func (w *workload) at(slot int) *key {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.keys[slot]
}

func (w *workload) put(slot int, k *key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[slot] = k
	w.all = append(w.all, k)
}
