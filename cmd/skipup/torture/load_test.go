package torture

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	clients = 24
	// living is how many keys are in use at a time.
	living = 30
	// retireAfter keeps the history of each key short enough to be searched.
	retireAfter = 400
	// pause is between two requests of a client: the proof needs many of them, not all that
	// the machine can do.
	pause = 4 * time.Millisecond
)

// crowd is clients at work on a pool of keys.
type crowd struct {
	*house
	answered atomic.Int64 // operations
	stopped  atomic.Bool
	working  sync.WaitGroup

	mu    sync.Mutex
	keys  [living]*key
	every []*key
}

// work starts the clients, each with a seed of its own.
func (h *house) work(seed uint64) *crowd {
	c := &crowd{house: h}
	for n := range clients {
		random := rand.New(rand.NewPCG(seed, uint64(n)))
		c.working.Go(func() {
			for !c.stopped.Load() {
				c.act(random)
				time.Sleep(pause)
			}
		})
	}
	return c
}

func (c *crowd) stop() {
	c.stopped.Store(true)
	c.working.Wait()
}

// act does one thing that a client does: mostly, it sends a request with a key.
func (c *crowd) act(random *rand.Rand) {
	n, place := c.nodes[random.IntN(len(c.nodes))], random.IntN(living)
	k := c.at(place)
	if k == nil || k.asked.Load() > retireAfter {
		var expires time.Duration
		if random.IntN(4) == 0 {
			expires = time.Duration(1+random.IntN(8)) * time.Second
		}
		if made := c.create(n, expires); made != nil {
			c.put(place, made)
			c.answered.Add(1)
		}
		return
	}
	switch dice := random.IntN(1000); {
	case dice < 12 && k.busy.CompareAndSwap(false, true):
		if c.delete(n, k) == done {
			c.answered.Add(1)
		}
	case dice < 24 && !k.deleted.Load() && k.busy.CompareAndSwap(false, true):
		if c.rescope(k, random.IntN(2) == 0) != unknown {
			k.busy.Store(false)
			c.answered.Add(1)
		}
	case dice < 36 && !k.deleted.Load() && k.busy.CompareAndSwap(false, true):
		if c.pause(k) != unknown {
			k.busy.Store(false)
			c.answered.Add(1)
		}
	case dice < 38:
		if out, answered := c.verify(n, stranger()); answered && out != refused {
			c.t.Errorf("node %d lets a key in that was never made: %s", n.number, out)
		}
	default:
		if _, answered := c.verify(n, k); answered {
			c.answered.Add(1)
		}
	}
}

func (c *crowd) at(place int) *key {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keys[place]
}

func (c *crowd) put(place int, k *key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys[place] = k
	c.every = append(c.every, k)
}
