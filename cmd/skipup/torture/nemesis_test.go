package torture

import (
	"math/rand/v2"
	"syscall"
	"time"
)

// nemesis injects random faults into a cluster.
type nemesis struct {
	*cluster
	random *rand.Rand
}

// disruption is a fault that has ended when inject returns.
type disruption struct {
	name   string
	inject func(n *nemesis)
}

var disruptions = []disruption{
	{"stop a node for a while", func(n *nemesis) {
		victims := n.victims()
		each(victims, stop)
		// Usually about the length of a lease, sometimes much longer.
		length := 100*time.Millisecond + time.Duration(n.random.ExpFloat64()*float64(900*time.Millisecond))
		time.Sleep(min(length, 10*time.Second))
		each(victims, resume)
	}},
	{"kill a node", func(n *nemesis) {
		victims := n.victims()
		each(victims, (*node).kill)
		n.pauseUpTo(500 * time.Millisecond)
		each(victims, (*node).start)
	}},
	{"restart a node cleanly", func(n *nemesis) {
		victims := n.victims()
		each(victims, (*node).quit)
		n.pauseUpTo(500 * time.Millisecond)
		each(victims, (*node).start)
	}},
	{"stop a node for longer than the lease", func(n *nemesis) {
		victims := n.victims()
		each(victims, stop)
		time.Sleep(longLease)
		n.pauseUpTo(2 * time.Second)
		each(victims, resume)
	}},
	{"lose acknowledgments", func(n *nemesis) { n.network(fault{loseAcknowledgments: true}) }},
	{"stop the database for longer than the lease", func(n *nemesis) {
		n.postgres.stop(syscall.SIGINT)
		time.Sleep(time.Second + time.Duration(n.random.Int64N(int64(2*time.Second))))
		n.postgres.start()
	}},
	{"cut connections", func(n *nemesis) { n.network(fault{cut: true}) }},
	{"delay responses", func(n *nemesis) {
		n.network(fault{delay: time.Duration(20+n.random.IntN(500)) * time.Millisecond})
	}},
	{"delay reads of keys but not polls", func(n *nemesis) {
		n.network(fault{delay: time.Duration(200+n.random.IntN(500)) * time.Millisecond, toReads: true})
	}},
	{"drop all traffic", func(n *nemesis) { n.network(fault{hold: true}) }},
	{"drop traffic in one direction", func(n *nemesis) { n.network(fault{mute: true}) }},
	{"restart the database", func(n *nemesis) { n.postgres.restart(syscall.SIGINT) }},
	{"crash the database", func(n *nemesis) { n.postgres.restart(syscall.SIGQUIT) }},
}

// run injects every disruption once per round, in random order. It stops when enough is true, but not in the first
// round.
func (n *nemesis) run(enough func() bool) {
	start := time.Now()
	for round := 0; ; round++ {
		for _, i := range n.random.Perm(len(disruptions)) {
			if round > 0 && enough() {
				return
			}
			n.t.Logf("%6.2f s: %s", time.Since(start).Seconds(), disruptions[i].name)
			disruptions[i].inject(n)
			n.pauseUpTo(700 * time.Millisecond)
		}
	}
}

// network applies a fault to the victims for a while.
func (n *nemesis) network(f fault) {
	victims := n.victims()
	for _, victim := range victims {
		victim.proxy.set(f)
	}
	n.pauseUpTo(2500 * time.Millisecond)
	for _, victim := range victims {
		victim.proxy.set(fault{})
	}
}

// victims returns a random server, sometimes another one, and a random remote node.
func (n *nemesis) victims() []*node {
	victims := []*node{}
	for _, i := range n.random.Perm(len(n.servers))[:1+n.random.IntN(4)/3] {
		victims = append(victims, n.servers[i])
	}
	return append(victims, n.remotes[n.random.IntN(len(n.remotes))])
}

func stop(n *node)   { n.signal(syscall.SIGSTOP) }
func resume(n *node) { n.signal(syscall.SIGCONT) }

func each(nodes []*node, act func(*node)) {
	for _, n := range nodes {
		act(n)
	}
}

// pauseUpTo sleeps for a random time.
func (n *nemesis) pauseUpTo(limit time.Duration) {
	time.Sleep(50*time.Millisecond + time.Duration(n.random.Int64N(int64(limit))))
}
