package torture

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/skipup/keys/models/defect"
)

// scenario is what shows a defect: a deletion by one node while another is in a certain state.
type scenario func(h *house)

var scenarios = map[defect.Name]scenario{
	// The other node cannot ask what has changed, so that its lease runs out.
	defect.IgnoreLease: func(h *house) {
		k := h.warm(1)
		h.nodes[1].proxy.set(fault{cut: true})
		h.delete(h.nodes[0], k)
		h.verifyFor(1, k, 300*time.Millisecond)
	},
	// The other node is answered late: what it reads is old when it arrives.
	defect.LeaseFromEnd: func(h *house) {
		k := h.warm(1)
		h.nodes[1].proxy.set(fault{delay: 400 * time.Millisecond})
		time.Sleep(time.Second)
		h.delete(h.nodes[0], k)
		h.verifyFor(1, k, 700*time.Millisecond)
	},
	// The other node reads the key late, and the changes in time.
	defect.FillUnstamped: func(h *house) {
		k := h.fresh()
		h.nodes[1].proxy.set(fault{delay: 300 * time.Millisecond, toReads: true})
		h.beside(func() { h.verify(h.nodes[1], k) }, func() {
			time.Sleep(30 * time.Millisecond)
			h.delete(h.nodes[0], k)
		})
		h.nodes[1].proxy.set(fault{})
		h.verifyFor(1, k, 300*time.Millisecond)
	},
	defect.EvictOwnOnly: func(h *house) {
		k := h.warm(1)
		h.delete(h.nodes[0], k)
		h.verifyFor(1, k, 300*time.Millisecond)
	},
	defect.DeleteUnwaited: func(h *house) {
		k := h.warm(1)
		h.delete(h.nodes[0], k)
		h.verifyFor(1, k, 300*time.Millisecond)
	},
	// The other node wakes up with many requests, sent after the deletion, and a poll to do.
	defect.LookUpThenLease: func(h *house) {
		k := h.warm(1)
		h.nodes[1].signal(syscall.SIGSTOP)
		h.delete(h.nodes[0], k)
		var crowd []func()
		for range 10 { // the search tries every order of what overlaps
			crowd = append(crowd, func() { h.verify(h.nodes[1], k) })
		}
		h.beside(append(crowd, func() {
			time.Sleep(100 * time.Millisecond)
			h.nodes[1].signal(syscall.SIGCONT)
		})...)
	},
	// A request comes after the deletion while a read from before it is on its way.
	defect.ShareOldReads: func(h *house) {
		h.warm(1) // the connection has prepared its statement
		k := h.fresh()
		h.nodes[1].proxy.set(fault{delay: 850 * time.Millisecond, toReads: true})
		h.beside(func() { h.verify(h.nodes[1], k) }, func() {
			time.Sleep(30 * time.Millisecond)
			h.delete(h.nodes[0], k)
			h.verifyFor(1, k, 100*time.Millisecond)
		})
	},
}

// attempts are made to see a defect, since some need luck.
const attempts = 25

// TestSeededDefectsAreFound: each mistake that the program is built with is reported, and the
// same scenario is legal with the program as it is.
func TestSeededDefectsAreFound(t *testing.T) {
	sound := newHouse(t, "")
	for _, name := range defect.All {
		t.Run(string(name), func(t *testing.T) {
			broken := newHouse(t, "defects", "SKIPUP_DEFECT="+string(name))
			found := 0
			for attempt := 1; attempt <= attempts && found == 0; attempt++ {
				broken.history = newHistory()
				broken.play(scenarios[name])
				if broken.check(t, porcupine.Illegal) {
					found = attempt
				}
			}
			if found == 0 {
				t.Errorf("the defect was not found in %d attempts", attempts)
			}
			t.Logf("found at attempt %d", found)
			sound.history = newHistory()
			sound.play(scenarios[name])
			sound.check(t, porcupine.Ok)
		})
	}
}

// play plays a scenario and heals what it has broken.
func (h *house) play(s scenario) {
	s(h)
	for _, n := range h.nodes {
		n.proxy.set(fault{})
	}
	for _, n := range h.nodes {
		n.awaitReady(10 * time.Second)
	}
}

// fresh is a key that no node but the first has seen.
func (h *house) fresh() *key {
	k := h.create(h.nodes[0], 0)
	if k == nil {
		h.t.Fatal("no key was made")
	}
	return k
}

// warm is a key that a node has in memory.
func (h *house) warm(number int) *key {
	k := h.fresh()
	for range 3 {
		h.verify(h.nodes[number], k)
	}
	return k
}

// verifyFor asks a node with a key for a while.
func (h *house) verifyFor(number int, k *key, length time.Duration) {
	for start := time.Now(); time.Since(start) < length; time.Sleep(2 * time.Millisecond) {
		h.verify(h.nodes[number], k)
	}
}

// beside does everything at once.
func (h *house) beside(all ...func()) {
	var working sync.WaitGroup
	for _, one := range all {
		working.Go(one)
	}
	working.Wait()
}
