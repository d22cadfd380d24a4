package keyauth

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

// BytesPerKey is the most that a cached key takes: an entry of 64 bytes, the hash of its text and
// the bit that it was used, at most 21⅓ bytes of each index, which is between three eighths and
// three quarters full, and 4 bytes of the list of free entries.
const BytesPerKey = 115

// cache holds keys by their texts, without pointers: entries of one cache line each in blocks,
// and an index of their numbers by a quick hash of the text. That says where a key would be, not
// that it is there: the digest does. So the processor can get the entry while it works the digest
// out. Changes tell of digests, and find entries by an index of those.
//
// Readers take no lock. They may miss a key that is there while the index is being changed under
// them, which costs a read of the store; they never find one that is not, because an entry is
// compared whole and carries a sequence number that is odd while it is being written (a seqlock).
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
// blocks, or with larger indexes, takes the place of the present one.
type table struct {
	texts, digests index
	blocks         []*block
}

const (
	blockBits = 12
	blockSize = 1 << blockBits
)

// block is a part of the entries, which begin with a page of memory and so with a cache line.
type block struct {
	entries [blockSize]entry
	used    [blockSize / 64]uint64 // a bit for each entry that was read since the clock's hand passed
	texts   [blockSize]uint32      // hashes; only under the cache's lock
}

// The words of an entry. All are read and written atomically.
const (
	sequence = iota // in the low half, and in the high half the second of the expiry since 1970
	digest0
	digest1
	id0
	id1
	workspace0
	workspace1
	rights // scopes in the low 16 bits, deletedBit, the millisecond of the expiry in ten, and from pausedShift on until when it is paused
	entryWords
)

const (
	deletedBit  = 1 << 16
	expiryShift = 17 // of the millisecond in the rights
	expiryMask  = 1<<10 - 1
	noExpiry    = math.MaxUint32 // as the second of the expiry; one after 2106 is as good as none
	pausedShift = 32
)

type entry [entryWords]uint64

// words are the first 128 bits of a digest, by which the cache knows it. To find a text that is
// taken for any of a million keys takes 2^108 attempts.
type words [2]uint64

func wordsOf(d *token.Digest) words {
	return words{binary.LittleEndian.Uint64(d[0:]), binary.LittleEndian.Uint64(d[8:])}
}

// hash is by what the index has a digest, whose bits are random.
func (w *words) hash() uint32 { return uint32(w[0]) }

// textSeed is known to nobody, so that nobody can make texts that are looked for in one place.
var textSeed = maphash.MakeSeed()

// placeOf is where a key with a text is looked for.
func placeOf(text string) uint64 { return maphash.String(textSeed, text) }

// newCache holds at most limit keys.
func newCache(limit int) *cache {
	c := &cache{limit: max(limit, 1)}
	c.table.Store(newTable())
	return c
}

func newTable() *table {
	return &table{texts: make(index, firstCells), digests: make(index, firstCells)}
}

// expect has the processor get the part of the index that says where a key is.
func (c *cache) expect(place uint64) {
	t := c.table.Load()
	prefetch(unsafe.Pointer(&t.texts[place&uint64(len(t.texts)-1)]))
}

// expectEntry has the processor get the entry of a key.
func (c *cache) expectEntry(place uint64) {
	t := c.table.Load()
	mask := uint64(len(t.texts) - 1)
	for at, probes := place&mask, 0; probes < len(t.texts); at, probes = (at+1)&mask, probes+1 {
		cell := atomic.LoadUint64(&t.texts[at])
		if cell == 0 {
			return
		}
		if hashIn(cell) == uint32(place) {
			if b, n := t.at(numberIn(cell)); b != nil {
				prefetch(unsafe.Pointer(&b.entries[n]))
			}
			return
		}
	}
}

// find is the key with a digest, looked for at the place of its text, if it is held. It
// allocates nothing and waits for nobody.
func (c *cache) find(place uint64, digest *token.Digest) (key Key, held bool) {
	w := wordsOf(digest)
	t := c.table.Load()
	mask := uint64(len(t.texts) - 1)
	for at, probes := place&mask, 0; probes < len(t.texts); at, probes = (at+1)&mask, probes+1 {
		cell := atomic.LoadUint64(&t.texts[at])
		if cell == 0 {
			return Key{}, false
		}
		if hashIn(cell) != uint32(place) {
			continue
		}
		if b, n := t.at(numberIn(cell)); b != nil && b.entries[n].read(&w, &key) {
			b.use(n)
			return key, true
		}
	}
	return Key{}, false
}

// at is where an entry is: nowhere, if it is younger than t.
func (t *table) at(number uint32) (b *block, n uint32) {
	if int(number>>blockBits) >= len(t.blocks) {
		return nil, 0
	}
	return t.blocks[number>>blockBits], number & (blockSize - 1)
}

// use notes that entry n was read.
func (b *block) use(n uint32) {
	if word, bit := &b.used[n/64], uint64(1)<<(n%64); atomic.LoadUint64(word)&bit == 0 {
		atomic.OrUint64(word, bit) // doing it each time would take the line from other cores
	}
}

// unuse forgets that entry n was read, and reports whether it was.
func (b *block) unuse(n uint32) bool {
	bit := uint64(1) << (n % 64)
	return atomic.AndUint64(&b.used[n/64], ^bit)&bit != 0
}

// read reports whether e holds the key with digest w, all of it written, and gives the key.
func (e *entry) read(w *words, key *Key) bool {
	before := atomic.LoadUint64(&e[sequence])
	if before&1 != 0 || atomic.LoadUint64(&e[digest0]) != w[0] || atomic.LoadUint64(&e[digest1]) != w[1] {
		return false
	}
	binary.LittleEndian.PutUint64(key.id[:8], atomic.LoadUint64(&e[id0]))
	binary.LittleEndian.PutUint64(key.id[8:], atomic.LoadUint64(&e[id1]))
	binary.LittleEndian.PutUint64(key.workspace[:8], atomic.LoadUint64(&e[workspace0]))
	binary.LittleEndian.PutUint64(key.workspace[8:], atomic.LoadUint64(&e[workspace1]))
	word := atomic.LoadUint64(&e[rights])
	key.scopes, key.deleted, key.paused = scope.Set(word), word&deletedBit != 0, uint32(word>>pausedShift)
	key.expires = never
	if second := before >> 32; second != noExpiry {
		key.expires = int64(second)*1000 + int64(word>>expiryShift&expiryMask)
	}
	return atomic.LoadUint64(&e[sequence]) == before
}

// write fills e; only under the cache's lock.
func (e *entry) write(w *words, key *Key) {
	number := uint32(e[sequence])
	atomic.StoreUint64(&e[sequence], uint64(number+1))
	word := uint64(key.scopes) | uint64(key.paused)<<pausedShift
	if key.deleted {
		word |= deletedBit
	}
	second := uint64(noExpiry)
	if key.expires < noExpiry*1000 {
		at := uint64(max(0, key.expires))
		second, word = at/1000, word|at%1000<<expiryShift
	}
	atomic.StoreUint64(&e[digest0], w[0])
	atomic.StoreUint64(&e[digest1], w[1])
	atomic.StoreUint64(&e[id0], binary.LittleEndian.Uint64(key.id[:8]))
	atomic.StoreUint64(&e[id1], binary.LittleEndian.Uint64(key.id[8:]))
	atomic.StoreUint64(&e[workspace0], binary.LittleEndian.Uint64(key.workspace[:8]))
	atomic.StoreUint64(&e[workspace1], binary.LittleEndian.Uint64(key.workspace[8:]))
	atomic.StoreUint64(&e[rights], word)
	atomic.StoreUint64(&e[sequence], second<<32|uint64(number+2))
}
