package torture

import (
	"math/rand/v2"
	"syscall"
	"time"
)

// nemesis does to a house what happens to houses.
type nemesis struct {
	*house
	random *rand.Rand
}

// blow is one thing that happens, and is over when it returns.
type blow struct {
	name   string
	strike func(n *nemesis)
}

var blows = []blow{
	{"a node stands still", func(n *nemesis) {
		victim := n.any()
		victim.signal(syscall.SIGSTOP)
		// Mostly around the length of a lease, sometimes long.
		still := 100*time.Millisecond + time.Duration(n.random.ExpFloat64()*float64(900*time.Millisecond))
		time.Sleep(min(still, 10*time.Second))
		victim.signal(syscall.SIGCONT)
	}},
	{"a node is killed", func(n *nemesis) {
		victim := n.any()
		victim.kill()
		n.wait(500)
		victim.start()
	}},
	{"connections to the database are cut", func(n *nemesis) { n.fault(fault{cut: true}) }},
	{"the database answers late", func(n *nemesis) {
		n.fault(fault{delay: time.Duration(20+n.random.IntN(500)) * time.Millisecond})
	}},
	{"reads of keys are answered late, changes in time", func(n *nemesis) {
		n.fault(fault{delay: time.Duration(200+n.random.IntN(500)) * time.Millisecond, toReads: true})
	}},
	{"connections to the database lead nowhere", func(n *nemesis) { n.fault(fault{hold: true}) }},
	{"the database is restarted", func(n *nemesis) { n.cluster.restart(syscall.SIGINT) }},
	{"the database crashes", func(n *nemesis) { n.cluster.restart(syscall.SIGQUIT) }},
}

// rage lets every blow fall once in each round, in any order, until the time is over.
func (n *nemesis) rage(length time.Duration) {
	start := time.Now()
	for round := 0; round == 0 || time.Since(start) < length; round++ {
		for _, i := range n.random.Perm(len(blows)) {
			if round > 0 && time.Since(start) >= length {
				return
			}
			n.t.Logf("%6.2fs %s", time.Since(start).Seconds(), blows[i].name)
			blows[i].strike(n)
			n.wait(700)
		}
	}
}

// fault lasts a while on one node, or on two.
func (n *nemesis) fault(f fault) {
	victims := []*node{n.any()}
	if n.random.IntN(3) == 0 {
		victims = append(victims, n.any())
	}
	for _, victim := range victims {
		victim.proxy.set(f)
	}
	n.wait(2500)
	for _, victim := range victims {
		victim.proxy.set(fault{})
	}
}

func (n *nemesis) any() *node { return n.nodes[n.random.IntN(len(n.nodes))] }

// wait waits up to so many milliseconds.
func (n *nemesis) wait(milliseconds int) {
	time.Sleep(time.Duration(50+n.random.IntN(milliseconds)) * time.Millisecond)
}
