package keyauth

import (
	"encoding/binary"
	"math/bits"
	"time"
)

const hourMillis = int64(time.Hour / time.Millisecond)

// tallies are what a shard counts in until it is flushed: a table with open addressing, at most
// three quarters full, whose cells are the tallies themselves. Each is one cache line, so that
// counting a request waits for memory once, and they hold no pointers, so that the garbage
// collector does not walk them.
type tallies struct {
	cells []tally // a power of two
	held  int
}

// tally is the requests that came alike within an hour. It is empty while there are none.
type tally struct {
	tallyKey
	workspace   [16]byte
	requests    int64
	first, last uint32 // milliseconds within the hour
}

type tallyKey struct {
	key     [16]byte
	caller  uint64 // hash of address and user agent; 0 for the others
	hour    uint32 // hours since 1970
	route   Route
	class   uint8 // first digit of the status
	refusal refusal
}

const firstTallies = 64

func newTallies() tallies { return tallies{cells: make([]tally, firstTallies)} }

// find is the tally of k, or the empty one that it would be.
func (t *tallies) find(k *tallyKey) *tally {
	mask := uint64(len(t.cells) - 1)
	for i := k.hash() & mask; ; i = (i + 1) & mask {
		if cell := &t.cells[i]; cell.requests == 0 || cell.tallyKey == *k {
			return cell
		}
	}
}

// insert is a tally for k, which is not held yet. The caller has to count a request in it.
func (t *tallies) insert(k tallyKey, workspace [16]byte) *tally {
	if (t.held+1)*4 > len(t.cells)*3 {
		t.grow()
	}
	t.held++
	cell := t.find(&k)
	*cell = tally{tallyKey: k, workspace: workspace, first: uint32(hourMillis)}
	return cell
}

func (t *tallies) grow() {
	old := t.cells
	t.cells = make([]tally, 2*len(old))
	for i := range old {
		if old[i].requests > 0 {
			*t.find(&old[i].tallyKey) = old[i]
		}
	}
}

// empty makes room for as many tallies again, or, after a rush, for fewer.
func (t *tallies) empty() {
	if len(t.cells) > firstTallies && t.held*8 < len(t.cells) {
		t.cells = make([]tally, len(t.cells)/2)
	} else {
		clear(t.cells)
	}
	t.held = 0
}

// add counts a request at a millisecond of the tally's hour.
func (t *tally) add(at uint32) {
	t.requests++
	t.first, t.last = min(t.first, at), max(t.last, at)
}

// at is a time in milliseconds since 1970 that the tally knows within its hour.
func (t *tally) at(millis uint32) int64 { return int64(t.hour)*hourMillis + int64(millis) }

// hash spreads what tells tallies apart: the ids of keys that are made one after the other
// differ in few bits. Callers are random numbers already, as nobody outside knows the seed.
func (k *tallyKey) hash() uint64 {
	kind := uint64(k.hour)<<32 | uint64(k.route)<<16 | uint64(k.class)<<8 | uint64(k.refusal)
	high, low := bits.Mul64(binary.LittleEndian.Uint64(k.key[8:])^k.caller^kind<<1, 0x9e3779b97f4a7c15)
	return high ^ low
}
