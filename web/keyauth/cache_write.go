package keyauth

import (
	"slices"

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
func (c *cache) put(place uint64, digest token.Digest, key Key, stamp uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != stamp && !defect.Seeded(defect.FillUnstamped) {
		return
	}
	w := wordsOf(&digest)
	t := c.table.Load()
	if number, held := t.numberOf(&w); held {
		t.write(number, &w, &key)
		return
	}
	number := c.vacate()
	t = c.makeRoom(number)
	t.write(number, &w, &key)
	b, n := t.at(number)
	b.texts[n] = uint32(place)
	t.texts.insert(uint32(place), number)
	t.digests.insert(w.hash(), number)
	c.live++
}

// apply drops the keys that have changed, or all of them, and begins a generation: what was
// read before now is not held any more.
func (c *cache) apply(changed []token.Digest, all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	if all {
		c.table.Store(newTable())
		c.live, c.made, c.hand, c.free = 0, 0, 0, nil
		return
	}
	for i := range changed {
		w := wordsOf(&changed[i])
		if number, held := c.table.Load().numberOf(&w); held {
			c.drop(number)
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

// write fills an entry, which nobody has read yet.
func (t *table) write(number uint32, w *words, key *Key) {
	b, n := t.at(number)
	b.entries[n].write(w, key)
	b.unuse(n)
}

// digest is that of an entry; only under the cache's lock.
func (t *table) digest(number uint32) words {
	b, n := t.at(number)
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
		if b, n := t.at(uint32(c.hand)); b.unuse(n) {
			continue
		}
		w := t.digest(uint32(c.hand))
		if number, held := t.numberOf(&w); held {
			c.drop(number)
			c.hand++
			return
		}
	}
}

// drop empties an entry, and its cells.
func (c *cache) drop(number uint32) {
	t := c.table.Load()
	b, n := t.at(number)
	w := t.digest(number)
	t.write(number, &words{}, &Key{})
	t.texts.remove(b.texts[n], number)
	t.digests.remove(w.hash(), number)
	c.free = append(c.free, number)
	c.live--
}

// makeRoom sees to a block for entry number and to indexes that are at most three quarters
// full with one key more, and returns the table that has both.
func (c *cache) makeRoom(number uint32) *table {
	t := c.table.Load()
	next := *t
	for int(number>>blockBits) >= len(next.blocks) {
		next.blocks = append(slices.Clip(next.blocks), new(block))
	}
	if (c.live+1)*4 > len(next.texts)*3 {
		next.texts, next.digests = t.texts.doubled(), t.digests.doubled()
	}
	if len(next.texts) == len(t.texts) && len(next.blocks) == len(t.blocks) {
		return t
	}
	c.table.Store(&next)
	return &next
}

// numberOf is the entry with digest w; only under the cache's lock.
func (t *table) numberOf(w *words) (number uint32, held bool) {
	mask := uint64(len(t.digests) - 1)
	for at := uint64(w.hash()) & mask; t.digests[at] != 0; at = (at + 1) & mask {
		cell := t.digests[at]
		if hashIn(cell) == w.hash() && t.digest(numberIn(cell)) == *w {
			return numberIn(cell), true
		}
	}
	return 0, false
}
