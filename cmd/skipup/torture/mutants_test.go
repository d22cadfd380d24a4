package torture

import (
	"cmp"
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// mutant is a known mistake in the protocol, as edits of the current source, and a scenario that
// exposes it: a deletion through one server while another node is in a certain state.
type mutant struct {
	name     string
	remote   bool // the mistake is in a remote node, which is quicker to build, and is the other node
	edits    []edit
	scenario func(c *cluster)
}

const (
	verifierFile   = "web/keyauth/verifier.go"
	pollFile       = "web/keyauth/poll.go"
	cacheFile      = "web/keyauth/cache_write.go"
	revocationFile = "models/revocation.go"
	remoteFile     = "web/keyauth/remote/remote.go"
)

// answerWithoutLease makes a node answer from memory after its lease has ended.
var answerWithoutLease = edit{verifierFile, `	if !v.lease.valid(now) {
		return Key{}, false, nil
	}
	if key, ok = v.cache.find(digest)`, `	if key, ok = v.cache.find(digest)`}

var mutants = []mutant{
	{
		name:  "answer from memory without a lease",
		edits: []edit{answerWithoutLease},
		// The other node cannot poll, so its lease ends.
		scenario: func(c *cluster) { c.deleteDuring(fault{cut: true}) },
	},
	{
		name:   "count the lease from the end of the poll",
		remote: true,
		edits:  []edit{{pollFile, `v.lease.take(start, changes.Lease)`, `v.lease.take(start.Add(time.Since(start)), changes.Lease)`}},
		// The responses to the other node's polls are old when they arrive.
		scenario: func(c *cluster) {
			k := c.cachedKey()
			c.victim.proxy.set(fault{delay: 500 * time.Millisecond})
			c.verifyFor(k, time.Second)
			c.delete(c.servers[0], k)
			c.verifyFor(k, 700*time.Millisecond)
		},
	},
	{
		name:  "cache a key that was read before a change",
		edits: []edit{{cacheFile, `if c.generation != stamp {`, `if false {`}},
		// The other node receives the key late, and the changes in time.
		scenario: func(c *cluster) {
			k := c.newKey()
			c.victim.proxy.set(fault{delay: 300 * time.Millisecond, toReads: true})
			concurrently(func() { c.verify(c.victim, k) }, func() {
				time.Sleep(30 * time.Millisecond)
				c.delete(c.servers[0], k)
			})
			c.victim.proxy.set(fault{})
			c.verifyFor(k, 300*time.Millisecond)
		},
	},
	{
		name: "evict only on the node that made the change",
		edits: []edit{
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
			c.victim.signal(syscall.SIGSTOP)
			c.delete(c.servers[0], k)
			work := []func(){func() {
				time.Sleep(100 * time.Millisecond)
				c.victim.signal(syscall.SIGCONT)
			}}
			for range 10 { // more would slow down the search, which tries every order
				work = append(work, func() { c.verify(c.victim, k) })
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
			c.victim.proxy.set(fault{delay: 850 * time.Millisecond, toReads: true})
			concurrently(func() { c.verify(c.victim, k) }, func() {
				time.Sleep(30 * time.Millisecond)
				c.delete(c.servers[0], k)
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
		if err := v.register(ctx); err != nil {
			return err
		}
	}
`, `	if v.nodeID == "" {
		defer func() {
			time.Sleep(time.Second) // widens the window
			_ = v.register(context.Background())
		}()
	}
`},
		},
		// The other node has just started.
		scenario: func(c *cluster) {
			c.victim.kill()
			c.victim.start()
			k := c.cachedKey()
			c.delete(c.servers[0], k)
			c.verifyFor(k, 100*time.Millisecond)
		},
	},
	{
		name: "take the lease before the acknowledgment",
		edits: []edit{{pollFile, "	if !changes.Acknowledged {\n", `	v.leaseLength.Store(int64(changes.Lease))
	v.lease.take(start, changes.Lease)
	if !changes.Acknowledged {
`}},
		scenario: loseAcknowledgments,
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
			c.victim.signal(syscall.SIGSTOP)
			c.delete(c.servers[0], c.newKey())
			c.victim.signal(syscall.SIGCONT)
			k := c.cachedKey()
			c.victim.proxy.set(fault{delay: 100 * time.Millisecond})
			c.verifyFor(k, 200*time.Millisecond)
			c.delete(c.servers[0], k)
			c.verifyFor(k, 100*time.Millisecond)
		},
	},
	{
		name:   "answer from memory without a lease on a remote node",
		remote: true,
		edits:  []edit{answerWithoutLease},
		// The requests of the remote node arrive, but no responses, so its lease ends.
		scenario: func(c *cluster) { c.deleteDuring(fault{mute: true}) },
	},
	{
		name:     "acknowledge on a remote node before dropping the keys",
		remote:   true,
		edits:    []edit{{pollFile, "	v.applyChanges(changes)\n", "	time.AfterFunc(50*time.Millisecond, func() { v.applyChanges(changes) })\n"}},
		scenario: deleteCachedKey,
	},
	{
		name:   "ignore that an acknowledgment of a remote node failed",
		remote: true,
		edits: []edit{{remoteFile, `	_, err := post[nothing](ctx, s, wire.Acknowledge, wire.AcknowledgeRequest{NodeID: nodeID, State: wire.State(state)})
	return err
`, `	_, _ = post[nothing](ctx, s, wire.Acknowledge, wire.AcknowledgeRequest{NodeID: nodeID, State: wire.State(state)})
	return nil
`}},
		scenario: loseAcknowledgments,
	},
}

// deleteCachedKey deletes a key that the other node has in memory. It learns of changes late.
func deleteCachedKey(c *cluster) { c.deleteDuring(fault{delay: 100 * time.Millisecond}) }

// deleteDuring deletes a key that the other node has in memory, during a fault of that node's network.
func (c *cluster) deleteDuring(f fault) {
	k := c.cachedKey()
	c.victim.proxy.set(f)
	c.delete(c.servers[0], k)
	c.verifyFor(k, 300*time.Millisecond)
}

// loseAcknowledgments deletes two keys while the acknowledgments of the other node are lost, so that the
// first deletion removes the node.
func loseAcknowledgments(c *cluster) {
	first, second := c.cachedKey(), c.cachedKey()
	c.victim.proxy.set(fault{loseAcknowledgments: true})
	c.delete(c.servers[0], first)
	c.delete(c.servers[0], second)
	c.verifyFor(second, 100*time.Millisecond)
}

// maxAttempts bounds how often a scenario is played, because some mutants fail only sometimes.
const maxAttempts = 40

// mutantsPerRun is the number of mutants that are built and played unless TORTURE_TIME is set. Building one takes
// about ten seconds.
const mutantsPerRun = 4

// played returns the mutants to play: all if TORTURE_TIME is set, and otherwise some at random.
func played() []mutant {
	if os.Getenv("TORTURE_TIME") != "" {
		return mutants
	}
	some := slices.Clone(mutants)
	rand.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	return some[:mutantsPerRun]
}

// TestMutantsFitTheSource checks that the edits of each mutant can be made.
func TestMutantsFitTheSource(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) { overlay(t, m.edits) })
	}
}

// TestMutantsAreCaught checks that mutants produce an illegal history, and that the unmodified programs
// produce only legal ones in the scenarios of all mutants.
func TestMutantsAreCaught(t *testing.T) {
	t.Parallel()
	p, unmodified, remote := startPostgres(t), build(t, skipup, "skipup"), build(t, orders, "orders")
	t.Run("unmodified programs are legal", func(t *testing.T) {
		t.Parallel()
		p.createDatabase("unmodified")
		c := newCluster(t, p, "unmodified", unmodified, 2, shortLease)
		c.addRemotes(remote, 1)
		for _, m := range mutants {
			c.history = newHistory()
			c.play(m)
			if !c.check(t, porcupine.Ok) {
				t.Errorf("the scenario of %q is not legal", m.name)
			}
		}
	})
	for _, m := range played() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			name := strings.ReplaceAll(m.name, " ", "_")
			program, server, servers := skipup, "", 2
			if m.remote {
				program, server, servers = orders, unmodified, 1
			}
			binary := build(t, program, name, m.edits...)
			start := time.Now()
			p.createDatabase(name)
			c := newCluster(t, p, name, cmp.Or(server, binary), servers, shortLease)
			if m.remote {
				c.addRemotes(binary, 1)
			}
			for attempt := 1; attempt <= maxAttempts; attempt++ {
				c.history = newHistory()
				c.play(m)
				if c.check(t, porcupine.Illegal) {
					t.Logf("caught at attempt %d, after %.1f s", attempt, time.Since(start).Seconds())
					return
				}
			}
			t.Errorf("not caught in %d attempts", maxAttempts)
		})
	}
}

// play plays the scenario of a mutant and then ends its faults.
func (c *cluster) play(m mutant) {
	if c.victim = c.servers[len(c.servers)-1]; m.remote {
		c.victim = c.remotes[0]
	}
	m.scenario(c)
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

// prepareReads makes the other node read keys over several connections, so that a later read over any of
// them needs only one round trip.
func (c *cluster) prepareReads() {
	read := func() { c.verify(c.victim, unknownKey()) }
	concurrently(read, read, read, read, read, read)
}

// newKey creates a key through the first server.
func (c *cluster) newKey() *key {
	for start := time.Now(); time.Since(start) < patience; {
		if k := c.create(c.servers[0], 0); k != nil {
			return k
		}
	}
	c.t.Fatal("no key could be created")
	return nil
}

// cachedKey creates a key that the other node has in memory.
func (c *cluster) cachedKey() *key {
	k := c.newKey()
	for range 3 {
		c.verify(c.victim, k)
	}
	return k
}

// verifyFor sends the other node requests with a key for a while.
func (c *cluster) verifyFor(k *key, length time.Duration) {
	for start := time.Now(); time.Since(start) < length; time.Sleep(2 * time.Millisecond) {
		c.verify(c.victim, k)
	}
}

func concurrently(work ...func()) {
	var all sync.WaitGroup
	for _, f := range work {
		all.Go(f)
	}
	all.Wait()
}
