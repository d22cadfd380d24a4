package torture

import (
	"context"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// mutant is a known mistake in the protocol, as edits of the current source, and a scenario that
// exposes it: a deletion through one node while another node is in a certain state.
type mutant struct {
	name     string
	edits    []edit
	scenario func(c *cluster)
}

const (
	verifierFile   = "web/keyauth/verifier.go"
	pollFile       = "web/keyauth/poll.go"
	cacheFile      = "web/keyauth/cache_write.go"
	revocationFile = "models/revocation.go"
)

var mutants = []mutant{
	{
		name: "answer from memory without a lease",
		edits: []edit{{verifierFile, `	if !v.lease.valid(now) {
		return Key{}, false, nil
	}
	if key, ok = v.cache.find(digest)`, `	if key, ok = v.cache.find(digest)`}},
		// The other node cannot poll, so its lease ends.
		scenario: func(c *cluster) {
			k := c.cachedKey()
			c.nodes[1].proxy.set(fault{cut: true})
			c.delete(c.nodes[0], k)
			c.verifyFor(k, 300*time.Millisecond)
		},
	},
	{
		name:  "count the lease from the end of the poll",
		edits: []edit{{pollFile, `v.lease.take(start, changes.Lease)`, `v.lease.take(start.Add(time.Since(start)), changes.Lease)`}},
		// The responses to the other node's polls are old when they arrive.
		scenario: func(c *cluster) {
			k := c.cachedKey()
			c.nodes[1].proxy.set(fault{delay: 400 * time.Millisecond})
			c.verifyFor(k, time.Second)
			c.delete(c.nodes[0], k)
			c.verifyFor(k, 700*time.Millisecond)
		},
	},
	{
		name:  "cache a key that was read before a change",
		edits: []edit{{cacheFile, `if c.generation != stamp {`, `if false {`}},
		// The other node receives the key late, and the changes in time.
		scenario: func(c *cluster) {
			k := c.newKey()
			c.nodes[1].proxy.set(fault{delay: 300 * time.Millisecond, toReads: true})
			concurrently(func() { c.verify(c.nodes[1], k) }, func() {
				time.Sleep(30 * time.Millisecond)
				c.delete(c.nodes[0], k)
			})
			c.nodes[1].proxy.set(fault{})
			c.verifyFor(k, 300*time.Millisecond)
		},
	},
	{
		name: "evict only on the node that made the change",
		edits: []edit{
			{revocationFile, "\t\"time\"\n", "\t\"sync\"\n\t\"time\"\n"},
			{revocationFile, "type revocation struct {", "var OwnEpochs sync.Map\n\ntype revocation struct {"},
			{revocationFile, "	committedAt, start := s.now(), time.Now()\n", "	committedAt, start := s.now(), time.Now()\n	OwnEpochs.Store(row.Epoch, true)\n"},
			{pollFile, "	if changes.All || len(changes.Digests) > 0 {\n", "	if _, own := models.OwnEpochs.Load(changes.State.Epoch); own && (changes.All || len(changes.Digests) > 0) {\n"},
		},
		scenario: deleteCachedKey,
	},
	{
		name:     "return from a deletion without waiting",
		edits:    []edit{{revocationFile, "effect := s.awaitEffect(context.WithoutCancel(ctx), row)", "_ = row\n\tvar effect Effect"}},
		scenario: deleteCachedKey,
	},
	{
		name: "check the lease after the lookup",
		edits: []edit{{verifierFile, `	if !v.lease.valid(now) {
		return Key{}, false, nil
	}
	if key, ok = v.cache.find(digest); !ok {
`, `	key, ok = v.cache.find(digest)
	time.Sleep(20 * time.Millisecond) // widens the window
	now = time.Now()
	if !v.lease.valid(now) || !ok {
`}},
		// The other node is resumed with many requests, sent after the deletion, and a poll to do.
		scenario: func(c *cluster) {
			k := c.cachedKey()
			c.nodes[1].signal(syscall.SIGSTOP)
			c.delete(c.nodes[0], k)
			work := []func(){func() {
				time.Sleep(100 * time.Millisecond)
				c.nodes[1].signal(syscall.SIGCONT)
			}}
			for range 10 { // more would slow down the search, which tries every order
				work = append(work, func() { c.verify(c.nodes[1], k) })
			}
			concurrently(work...)
		},
	},
	{
		name:  "share a read with requests that arrive after it began",
		edits: []edit{{verifierFile, `	if isUnavailable(err) {`, `	if true || isUnavailable(err) {`}},
		// A request arrives after the deletion, while a read from before it is in progress.
		scenario: func(c *cluster) {
			c.prepareReads()
			k := c.newKey()
			c.nodes[1].proxy.set(fault{delay: 850 * time.Millisecond, toReads: true})
			concurrently(func() { c.verify(c.nodes[1], k) }, func() {
				time.Sleep(30 * time.Millisecond)
				c.delete(c.nodes[0], k)
				c.verifyFor(k, 100*time.Millisecond)
			})
		},
	},
	{
		name: "poll before the registration",
		edits: []edit{
			{revocationFile, `	if read.AppliedEpoch == nil {
`, `	if nodeID == "" {
		read.AppliedEpoch = &read.Current.Epoch
	}
	if read.AppliedEpoch == nil {
`},
			{pollFile, `	if v.nodeID == "" {
		id, err := v.source.RegisterNode(ctx, v.node)
		if err != nil {
			return err
		}
		v.nodeID = id
	}
`, `	if v.nodeID == "" {
		defer func() {
			time.Sleep(time.Second) // widens the window
			v.nodeID, _ = v.source.RegisterNode(context.Background(), v.node)
		}()
	}
`},
		},
		// The other node has just started.
		scenario: func(c *cluster) {
			c.nodes[1].kill()
			c.nodes[1].start()
			k := c.cachedKey()
			c.delete(c.nodes[0], k)
			c.verifyFor(k, 100*time.Millisecond)
		},
	},
	{
		name: "take the lease before the acknowledgment",
		edits: []edit{{pollFile, "	if !changes.Acknowledged {\n", `	v.leaseLength.Store(int64(changes.Lease))
	v.lease.take(start, changes.Lease)
	if !changes.Acknowledged {
`}},
		// The acknowledgments of the other node are lost, so that the first deletion removes the node.
		scenario: func(c *cluster) {
			first, second := c.cachedKey(), c.cachedKey()
			c.nodes[1].proxy.set(fault{loseAcknowledgments: true})
			c.delete(c.nodes[0], first)
			c.delete(c.nodes[0], second)
			c.verifyFor(second, 100*time.Millisecond)
		},
	},
	{
		name: "ignore the removal of the node",
		edits: []edit{{revocationFile, `	if read.AppliedEpoch == nil {
		return KeyChanges{}, ErrNodeRemoved
	}
`, `	if read.AppliedEpoch == nil {
		read.AppliedEpoch = &read.Current.Epoch
	}
`}},
		// The other node is stopped until the first deletion has removed it.
		scenario: func(c *cluster) {
			c.nodes[1].signal(syscall.SIGSTOP)
			c.delete(c.nodes[0], c.newKey())
			c.nodes[1].signal(syscall.SIGCONT)
			k := c.cachedKey()
			c.nodes[1].proxy.set(fault{delay: 100 * time.Millisecond})
			c.verifyFor(k, 200*time.Millisecond)
			c.delete(c.nodes[0], k)
			c.verifyFor(k, 100*time.Millisecond)
		},
	},
}

// deleteCachedKey deletes a key that the other node has in memory. It learns of changes late.
func deleteCachedKey(c *cluster) {
	k := c.cachedKey()
	c.nodes[1].proxy.set(fault{delay: 100 * time.Millisecond})
	c.delete(c.nodes[0], k)
	c.verifyFor(k, 300*time.Millisecond)
}

// maxAttempts bounds how often a scenario is played, because some mutants fail only sometimes.
const maxAttempts = 40

// TestMutantsAreCaught checks that each mutant produces an illegal history, and that the unmodified
// program produces only legal ones in the same scenarios.
func TestMutantsAreCaught(t *testing.T) {
	t.Parallel()
	p, unmodified := startPostgres(t), build(t, "skipup")
	t.Run("unmodified program is legal", func(t *testing.T) {
		t.Parallel()
		p.createDatabase("unmodified")
		c := newCluster(t, p, "unmodified", unmodified, 2, shortLease)
		for _, m := range mutants {
			c.history = newHistory()
			c.play(m.scenario)
			if !c.check(t, porcupine.Ok) {
				t.Errorf("the scenario of %q is not legal", m.name)
			}
		}
	})
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			name := strings.ReplaceAll(m.name, " ", "_")
			binary := build(t, name, m.edits...)
			start := time.Now()
			p.createDatabase(name)
			c := newCluster(t, p, name, binary, 2, shortLease)
			for attempt := 1; attempt <= maxAttempts; attempt++ {
				c.history = newHistory()
				c.play(m.scenario)
				if c.check(t, porcupine.Illegal) {
					t.Logf("caught at attempt %d, after %.1f s", attempt, time.Since(start).Seconds())
					return
				}
			}
			t.Errorf("not caught in %d attempts", maxAttempts)
		})
	}
}

// play plays a scenario and then ends its faults.
func (c *cluster) play(scenario func(c *cluster)) {
	scenario(c)
	for _, n := range c.nodes {
		n.proxy.set(fault{})
	}
	for _, n := range c.nodes {
		n.awaitReady()
	}
	c.awaitNodes()
}

// awaitNodes waits until all nodes are registered again, because until then they answer nothing from memory.
// It gives up after a while, because one of the mutants never registers again.
func (c *cluster) awaitNodes() {
	for start := time.Now(); time.Since(start) < 5*time.Second; time.Sleep(10 * time.Millisecond) {
		if nodes, err := c.store.Nodes(context.Background()); err == nil && len(nodes) == len(c.nodes) {
			return
		}
	}
}

// prepareReads makes the second node read keys over several connections, so that a later read over any of
// them needs only one round trip.
func (c *cluster) prepareReads() {
	read := func() { c.verify(c.nodes[1], unknownKey()) }
	concurrently(read, read, read, read, read, read)
}

// newKey creates a key through the first node.
func (c *cluster) newKey() *key {
	for start := time.Now(); time.Since(start) < patience; {
		if k := c.create(c.nodes[0], 0); k != nil {
			return k
		}
	}
	c.t.Fatal("no key could be created")
	return nil
}

// cachedKey creates a key that the second node has in memory.
func (c *cluster) cachedKey() *key {
	k := c.newKey()
	for range 3 {
		c.verify(c.nodes[1], k)
	}
	return k
}

// verifyFor sends the second node requests with a key for a while.
func (c *cluster) verifyFor(k *key, length time.Duration) {
	for start := time.Now(); time.Since(start) < length; time.Sleep(2 * time.Millisecond) {
		c.verify(c.nodes[1], k)
	}
}

func concurrently(work ...func()) {
	var all sync.WaitGroup
	for _, f := range work {
		all.Go(f)
	}
	all.Wait()
}
