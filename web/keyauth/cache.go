package keyauth

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

// BytesPerKey is the most that a cached key takes: an entry of 96 bytes, at most 21⅓ bytes of
// the index, which is between three eighths and three quarters full, and 4 bytes of the list
// of free entries.
const BytesPerKey = 128

// cache holds keys by their digest, without pointers: entries of fixed size in blocks, and an
// index of their numbers with open addressing. Readers take no lock. They may miss a key that
// is there while the index is being changed under them, which costs a read of the store; they
// never find one that is not, because an entry is compared whole and carries a sequence number
// that is odd while it is being written (a seqlock).
type cache struct {
	table atomic.Pointer[table]

	mu         sync.Mutex // of those who write
	generation uint64     // changes applied so far
	live       int
	limit      int
	made       int      // entries that blocks have been filled with so far
	free       []uint32 // entries that were emptied
	hand       int      // of the clock that looks for the least used
}

// table is what readers see. Blocks and cells are shared between tables; a table with more
// blocks, or with a larger index, takes the place of the present one.
type table struct {
	cells  []uint64 // the upper half of a digest's first word, and an entry's number plus one; 0 is empty
	blocks []*block
}

const (
	blockBits  = 12
	blockSize  = 1 << blockBits
	firstCells = 1 << 10
)

type block [blockSize]entry

// The words of an entry. All are read and written atomically.
const (
	sequence = iota
	digest0
	digest1
	digest2
	digest3
	id0
	id1
	workspace0
	workspace1
	expires
	rights // scopes in the low 16 bits, deletedBit, and from pausedShift on until when it is paused
	used   // 1 if the entry was read since the clock's hand passed
	entryWords
)

const (
	deletedBit  = 1 << 16
	pausedShift = 32
)

type entry [entryWords]uint64

// words are a digest as the index and the entries hold it.
type words [4]uint64

func wordsOf(d *token.Digest) words {
	return words{
		binary.LittleEndian.Uint64(d[0:]), binary.LittleEndian.Uint64(d[8:]),
		binary.LittleEndian.Uint64(d[16:]), binary.LittleEndian.Uint64(d[24:]),
	}
}

const tagMask uint64 = 0xffff_ffff << 32

// newCache holds at most limit keys.
func newCache(limit int) *cache {
	c := &cache{limit: max(limit, 1)}
	c.table.Store(&table{cells: make([]uint64, firstCells)})
	return c
}

// find is the key with a digest, if it is held. It allocates nothing and waits for nobody.
func (c *cache) find(digest *token.Digest) (key Key, held bool) {
	w := wordsOf(digest)
	t := c.table.Load()
	mask := uint64(len(t.cells) - 1)
	for at, probes := w[0]&mask, 0; probes < len(t.cells); at, probes = (at+1)&mask, probes+1 {
		cell := atomic.LoadUint64(&t.cells[at])
		if cell == 0 {
			return Key{}, false
		}
		if (cell^w[0])&tagMask != 0 {
			continue
		}
		if e := t.entry(cell); e != nil && e.read(&w, &key) {
			return key, true
		}
	}
	return Key{}, false
}

// entry is the one that a cell names; nil if it is younger than t.
func (t *table) entry(cell uint64) *entry {
	number := uint32(cell) - 1
	if int(number>>blockBits) >= len(t.blocks) {
		return nil
	}
	return &t.blocks[number>>blockBits][number&(blockSize-1)]
}

// read reports whether e holds the key with digest w, all of it written, and gives the key.
func (e *entry) read(w *words, key *Key) bool {
	before := atomic.LoadUint64(&e[sequence])
	if before&1 != 0 ||
		atomic.LoadUint64(&e[digest0]) != w[0] || atomic.LoadUint64(&e[digest1]) != w[1] ||
		atomic.LoadUint64(&e[digest2]) != w[2] || atomic.LoadUint64(&e[digest3]) != w[3] {
		return false
	}
	binary.LittleEndian.PutUint64(key.id[:8], atomic.LoadUint64(&e[id0]))
	binary.LittleEndian.PutUint64(key.id[8:], atomic.LoadUint64(&e[id1]))
	binary.LittleEndian.PutUint64(key.workspace[:8], atomic.LoadUint64(&e[workspace0]))
	binary.LittleEndian.PutUint64(key.workspace[8:], atomic.LoadUint64(&e[workspace1]))
	key.expires = int64(atomic.LoadUint64(&e[expires]))
	word := atomic.LoadUint64(&e[rights])
	key.scopes, key.deleted, key.paused = scope.Set(word), word&deletedBit != 0, uint32(word>>pausedShift)
	if atomic.LoadUint64(&e[sequence]) != before {
		return false
	}
	if atomic.LoadUint64(&e[used]) == 0 { // writing it each time would take the line from other cores
		atomic.StoreUint64(&e[used], 1)
	}
	return true
}

// write fills e; only under the cache's lock.
func (e *entry) write(w *words, key *Key) {
	atomic.AddUint64(&e[sequence], 1)
	for i, word := range w {
		atomic.StoreUint64(&e[digest0+i], word)
	}
	word := uint64(key.scopes) | uint64(key.paused)<<pausedShift
	if key.deleted {
		word |= deletedBit
	}
	atomic.StoreUint64(&e[id0], binary.LittleEndian.Uint64(key.id[:8]))
	atomic.StoreUint64(&e[id1], binary.LittleEndian.Uint64(key.id[8:]))
	atomic.StoreUint64(&e[workspace0], binary.LittleEndian.Uint64(key.workspace[:8]))
	atomic.StoreUint64(&e[workspace1], binary.LittleEndian.Uint64(key.workspace[8:]))
	atomic.StoreUint64(&e[expires], uint64(key.expires))
	atomic.StoreUint64(&e[rights], word)
	atomic.StoreUint64(&e[used], 0)
	atomic.AddUint64(&e[sequence], 1)
}
