package keyauth

import (
	"slices"

	"github.com/skipup/keys/models/token"
)

// stamp returns the current generation. Take it before reading a key from the database, and pass
// it to put.
func (c *cache) stamp() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.generation
}

// put caches a key that was read from the database after stamp. It does nothing if a change has
// been applied since, because the key may have been read before that change.
func (c *cache) put(digest token.Digest, key Key, stamp uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != stamp {
		return
	}
	if c.listed >= maxListed {
		c.empty()
	}
	rule := c.numberOf(key.addresses)
	w, t := wordsOf(digest), c.table.Load()
	if number, ok := t.number(w); ok {
		t.write(number, w, &key, rule)
		return
	}
	number := c.takeNumber()
	t = c.grow(number)
	t.write(number, w, &key, rule)
	t.index.insert(w.hash(), number)
	c.size++
}

// apply drops the changed keys, or all keys, and starts a new generation.
func (c *cache) apply(changed []token.Digest, all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	if all {
		c.empty()
		return
	}
	for _, digest := range changed {
		if number, ok := c.table.Load().number(wordsOf(digest)); ok {
			c.drop(number)
		}
	}
}

// empty drops all keys and the lists that they refer to.
func (c *cache) empty() {
	c.table.Store(newTable())
	c.size, c.made, c.hand, c.free, c.listed = 0, 0, 0, nil, 0
	clear(c.ruleNumbers)
}

// keys returns the number of cached keys.
func (c *cache) keys() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size
}

// takeNumber returns the number of an entry to write: a free one or a new one. If the cache is
// full, it evicts a key first.
func (c *cache) takeNumber() uint32 {
	if c.size >= c.limit {
		c.evict()
	}
	if last := len(c.free) - 1; last >= 0 {
		number := c.free[last]
		c.free = c.free[:last]
		return number
	}
	c.made++
	return uint32(c.made - 1)
}

// write fills an entry and marks it as unused.
func (t *table) write(number uint32, w words, key *Key, rule uint32) {
	b, n := t.at(number)
	b.entries[n].write(w, key, rule)
	b.clearUsed(n)
}

// evict drops a key that has not been used since the clock's hand last passed it.
func (c *cache) evict() {
	t := c.table.Load()
	for ; ; c.hand++ {
		if c.hand >= c.made {
			c.hand = 0
		}
		b, n := t.at(uint32(c.hand))
		if b.clearUsed(n) {
			continue
		}
		if number, ok := t.number(b.entries[n].digest()); ok { // not a free entry
			c.drop(number)
			c.hand++
			return
		}
	}
}

// drop empties an entry and its cell.
func (c *cache) drop(number uint32) {
	t := c.table.Load()
	b, n := t.at(number)
	w := b.entries[n].digest()
	t.write(number, words{}, &Key{}, 0)
	t.index.remove(w.hash(), number)
	c.free = append(c.free, number)
	c.size--
}

// grow returns a table that has a block for entry number, and an index that is at most three
// quarters full with one more key.
func (c *cache) grow(number uint32) *table {
	t := c.table.Load()
	next := *t
	for int(number>>blockBits) >= len(next.blocks) {
		next.blocks = append(slices.Clip(next.blocks), new(block))
	}
	if (c.size+1)*4 > len(next.index)*3 {
		next.index = t.index.doubled()
	}
	if len(next.index) == len(t.index) && len(next.blocks) == len(t.blocks) {
		return t
	}
	c.table.Store(&next)
	return &next
}
