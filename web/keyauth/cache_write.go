package keyauth

import (
	"slices"
	"sync/atomic"

	"github.com/skipup/keys/models/defect"
	"github.com/skipup/keys/models/token"
)

// stamp is the generation at which a read of the store begins; put wants it back.
func (c *cache) stamp() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.generation
}

// put holds a key that was read from the store after stamp, unless a change was applied since:
// the key may have been read before the change and would outlive it.
func (c *cache) put(digest token.Digest, key Key, stamp uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != stamp && !defect.Seeded(defect.FillUnstamped) {
		return
	}
	w := wordsOf(&digest)
	t := c.table.Load()
	if at, held := t.cellOf(&w); held {
		t.write(t.cells[at], &w, &key)
		return
	}
	number := c.vacate()
	t = c.makeRoom(number)
	t.write(uint64(number+1), &w, &key)
	t.insert(&w, number)
	c.live++
}

// apply drops the keys that have changed, or all of them, and begins a generation: what was
// read before now is not held any more.
func (c *cache) apply(changed []token.Digest, all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	if all {
		c.table.Store(&table{cells: make([]uint64, firstCells)})
		c.live, c.made, c.hand, c.free = 0, 0, 0, nil
		return
	}
	for i := range changed {
		w := wordsOf(&changed[i])
		if at, held := c.table.Load().cellOf(&w); held {
			c.drop(at)
		}
	}
}

// size is how many keys are held.
func (c *cache) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live
}

// vacate is the number of an entry to write into: an empty one, a new one, or, when the cache
// is full, that of a key which has not been used since the hand last came by.
func (c *cache) vacate() uint32 {
	if c.live >= c.limit {
		c.dropLeastUsed()
	}
	if last := len(c.free) - 1; last >= 0 {
		number := c.free[last]
		c.free = c.free[:last]
		return number
	}
	c.made++
	return uint32(c.made - 1)
}

// write fills the entry that a cell names, which nobody has read yet.
func (t *table) write(cell uint64, w *words, key *Key) {
	b, n := t.place(cell)
	b.entries[n].write(w, key)
	b.unuse(n)
}

// digest is that of the entry that a cell names; only under the cache's lock.
func (t *table) digest(cell uint64) words {
	b, n := t.place(cell)
	return words{b.entries[n][digest0], b.entries[n][digest1]}
}

// dropLeastUsed goes round the entries, gives those that were used another round, and drops
// the first that was not. After one round at most there is one.
func (c *cache) dropLeastUsed() {
	t := c.table.Load()
	for ; ; c.hand++ {
		if c.hand >= c.made {
			c.hand = 0
		}
		cell := uint64(c.hand + 1)
		if b, n := t.place(cell); b.unuse(n) {
			continue
		}
		w := t.digest(cell)
		if at, held := t.cellOf(&w); held {
			c.drop(at)
			c.hand++
			return
		}
	}
}

// drop empties the entry that the cell at names, and the cell.
func (c *cache) drop(at uint64) {
	t := c.table.Load()
	cell := t.cells[at]
	t.write(cell, &words{}, &Key{})
	t.remove(at)
	c.free = append(c.free, uint32(cell)-1)
	c.live--
}

// makeRoom sees to a block for entry number and to an index that is at most three quarters
// full with one key more, and returns the table that has both.
func (c *cache) makeRoom(number uint32) *table {
	t := c.table.Load()
	next := *t
	for int(number>>blockBits) >= len(next.blocks) {
		next.blocks = append(slices.Clip(next.blocks), new(block))
	}
	if (c.live+1)*4 > len(next.cells)*3 {
		next.cells = t.doubled()
	}
	if len(next.cells) == len(t.cells) && len(next.blocks) == len(t.blocks) {
		return t
	}
	c.table.Store(&next)
	return &next
}

// doubled is the index in twice as many cells.
func (t *table) doubled() []uint64 {
	larger := table{cells: make([]uint64, 2*len(t.cells)), blocks: t.blocks}
	for _, cell := range t.cells {
		if cell != 0 {
			w := t.digest(cell)
			larger.insert(&w, uint32(cell)-1)
		}
	}
	return larger.cells
}

// cellOf is where the index has the key with digest w; only under the cache's lock.
func (t *table) cellOf(w *words) (at uint64, held bool) {
	mask := uint64(len(t.cells) - 1)
	for at = w[0] & mask; ; at = (at + 1) & mask {
		cell := t.cells[at]
		if cell == 0 {
			return 0, false
		}
		if (cell^w[0])&tagMask == 0 && t.digest(cell) == *w {
			return at, true
		}
	}
}

// insert puts entry number, whose digest begins with w[0], into the first empty cell.
func (t *table) insert(w *words, number uint32) {
	mask := uint64(len(t.cells) - 1)
	at := w[0] & mask
	for t.cells[at] != 0 {
		at = (at + 1) & mask
	}
	atomic.StoreUint64(&t.cells[at], w[0]&tagMask|uint64(number+1))
}

// remove empties a cell and closes the gap, so that no key behind it is cut off from where its
// search begins (Knuth, The Art of Computer Programming, volume 3, §6.4, algorithm R).
func (t *table) remove(at uint64) {
	mask := uint64(len(t.cells) - 1)
	gap := at
	for next := (gap + 1) & mask; t.cells[next] != 0; next = (next + 1) & mask {
		home := t.digest(t.cells[next])[0] & mask
		if (next-home)&mask >= (next-gap)&mask {
			atomic.StoreUint64(&t.cells[gap], t.cells[next])
			gap = next
		}
	}
	atomic.StoreUint64(&t.cells[gap], 0)
}
