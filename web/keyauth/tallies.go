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

func newTallies(size int) *tallies { return &tallies{cells: make([]tally, size)} }

// find is the tally of k, or the empty one that it would be. What comes from one caller with one
// key is side by side.
func (t *tallies) find(k *tallyKey) *tally {
	mask := uint64(len(t.cells) - 1)
	for i := hashOf(&k.key, k.caller) & mask; ; i = (i + 1) & mask {
		if cell := &t.cells[i]; cell.requests == 0 || cell.tallyKey == *k {
			return cell
		}
	}
}

// insert fills the cell of k, which is empty. The caller has to count a request in it.
func (t *tallies) insert(k *tallyKey, workspace [16]byte) *tally {
	cell := t.find(k)
	*cell = tally{tallyKey: *k, workspace: workspace, first: uint32(hourMillis)}
	t.held++
	return cell
}

// isFull reports whether there should be more cells before a tally is inserted.
func (t *tallies) isFull() bool { return (t.held+1)*4 > len(t.cells)*3 }

// doubled are the same tallies in twice as many cells.
func (t *tallies) doubled() *tallies {
	larger := newTallies(2 * len(t.cells))
	larger.held = t.held
	for i := range t.cells {
		if t.cells[i].requests > 0 {
			*larger.find(&t.cells[i].tallyKey) = t.cells[i]
		}
	}
	return larger
}

// next are empty tallies, with room for as many as these or, after a rush, for fewer.
func (t *tallies) next() *tallies {
	if len(t.cells) > firstTallies && t.held*8 < len(t.cells) {
		return newTallies(len(t.cells) / 2)
	}
	return newTallies(len(t.cells))
}

// add counts a request at a millisecond of the tally's hour.
func (t *tally) add(at uint32) {
	t.requests++
	t.first, t.last = min(t.first, at), max(t.last, at)
}

// at is a time in milliseconds since 1970 that the tally knows within its hour.
func (t *tally) at(millis uint32) int64 { return int64(t.hour)*hourMillis + int64(millis) }

// hashOf spreads keys and their callers: the ids of keys that are made one after the other
// differ in few bits. Callers are random numbers, as nobody outside knows the seed.
func hashOf(key *[16]byte, caller uint64) uint64 {
	high, low := bits.Mul64(binary.LittleEndian.Uint64(key[8:])^caller, 0x9e3779b97f4a7c15)
	return high ^ low
}
