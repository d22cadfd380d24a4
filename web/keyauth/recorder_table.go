package keyauth

import (
	"encoding/binary"
	"math/bits"
	"time"
)

const hourMillis = int64(time.Hour / time.Millisecond)

// countTable is a hash table with open addressing, at most three quarters full. Each count is in its
// cell and fills one cache line, so that counting a request waits for memory once. There are no
// pointers for the garbage collector to follow.
type countTable struct {
	cells []count // a power of two
	held  int
}

// count counts the requests within an hour that have the same countKey. A cell without requests is
// empty.
type count struct {
	countKey
	workspace   [16]byte
	requests    int64
	first, last uint32 // milliseconds within the hour
}

type countKey struct {
	key       [16]byte
	caller    uint64 // hash of the address and the user agent; 0 for others
	hour      uint32 // hours since 1970
	route     Route
	class     uint8 // first digit of the status
	rejection rejection
}

const minTableSize = 64

func newCountTable(size int) *countTable { return &countTable{cells: make([]count, size)} }

// find returns the count of k, or the empty cell for it. The counts of a caller of a key are next to
// each other.
func (t *countTable) find(k *countKey) *count {
	mask := uint64(len(t.cells) - 1)
	for i := hashOf(&k.key, k.caller) & mask; ; i = (i + 1) & mask {
		if cell := &t.cells[i]; cell.requests == 0 || cell.countKey == *k {
			return cell
		}
	}
}

// insert fills the empty cell of k. The caller must add a request to it.
func (t *countTable) insert(k *countKey, workspace [16]byte) *count {
	cell := t.find(k)
	*cell = count{countKey: *k, workspace: workspace, first: uint32(hourMillis)}
	t.held++
	return cell
}

// isFull reports whether the table must grow before an insert.
func (t *countTable) isFull() bool { return (t.held+1)*4 > len(t.cells)*3 }

// doubled returns a table with the same counts and twice as many cells.
func (t *countTable) doubled() *countTable {
	larger := newCountTable(2 * len(t.cells))
	larger.held = t.held
	for i := range t.cells {
		if t.cells[i].requests > 0 {
			*larger.find(&t.cells[i].countKey) = t.cells[i]
		}
	}
	return larger
}

// next returns an empty table of the same size, or a smaller one if this size was not needed.
func (t *countTable) next() *countTable {
	if len(t.cells) > minTableSize && t.held*8 < len(t.cells) {
		return newCountTable(len(t.cells) / 2)
	}
	return newCountTable(len(t.cells))
}

// add counts a request at a millisecond of the hour.
func (c *count) add(at uint32) {
	c.requests++
	c.first, c.last = min(c.first, at), max(c.last, at)
}

// at returns the time at a millisecond of the hour.
func (c *count) at(millis uint32) time.Time {
	return time.UnixMilli(int64(c.hour)*hourMillis + int64(millis)).UTC()
}

// hashOf spreads keys and callers: IDs created in succession differ in few bits. Callers are random
// to anyone who doesn't know the seed.
func hashOf(key *[16]byte, caller uint64) uint64 {
	high, low := bits.Mul64(binary.LittleEndian.Uint64(key[8:])^caller, 0x9e3779b97f4a7c15)
	return high ^ low
}
