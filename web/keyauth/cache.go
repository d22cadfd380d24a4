package keyauth

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

// BytesPerKey is the maximum memory for a cached key: an entry of 96 bytes, one bit for its use, at
// most 21⅓ bytes of the index, which is between three eighths and three quarters full, and 4 bytes
// in the list of free entries. Each network in an allowlist takes 32 bytes more, once for all keys with the
// same list.
const BytesPerKey = 122

// cache holds keys by their digests, without pointers: entries in blocks, and an index of their
// numbers.
//
// Readers take no lock. While a writer changes the index, a reader may miss a key that is there,
// which costs a database read. It never finds a key that isn't there, because it compares whole
// entries, and each carries a sequence number that is odd while the entry is written (a seqlock).
type cache struct {
	table atomic.Pointer[table]

	mu          sync.Mutex // held by writers
	generation  uint64     // number of changes applied
	size        int
	limit       int
	made        int                         // entries used so far, including free ones
	free        []uint32                    // numbers of free entries
	hand        int                         // of the clock that finds an entry to evict
	ruleNumbers map[models.Allowlist]uint32 // numbers in table.rules
	listed      int                         // networks in table.rules
}

// table is what readers see. Blocks and cells are shared between tables. A table is replaced when
// it needs another block or a larger index.
type table struct {
	index  index
	blocks []*block
	rules  []*addressRule // by number, from 1; never shorter or changed
}

const (
	blockBits = 12
	blockSize = 1 << blockBits
)

// block is a fixed number of entries.
type block struct {
	entries [blockSize]entry
	used    [blockSize / 64]uint64 // one bit per entry: read since the clock's hand passed it
}

// The words of an entry. All are read and written atomically.
const (
	sequence = iota
	digest0
	digest1
	id0
	id1
	workspace0
	workspace1
	scopes0
	scopes1
	expires
	status // pausedUntil shifted by one, and deleted in the lowest bit
	limits // rateLimit, and the number of addresses in the upper half
	entryWords
)

type entry [entryWords]uint64

// words are the first 128 bits of a digest, which identify it in the cache. Finding a text that
// matches any of a million keys takes 2^108 attempts.
type words [2]uint64

func wordsOf(d token.Digest) words {
	return words{binary.LittleEndian.Uint64(d[0:]), binary.LittleEndian.Uint64(d[8:])}
}

// hash returns the hash for the index. The bits of a digest are random already.
func (w words) hash() uint32 { return uint32(w[0]) }

// newCache returns a cache for at most limit keys.
func newCache(limit int) *cache {
	c := &cache{limit: max(limit, 1), ruleNumbers: map[models.Allowlist]uint32{}}
	c.table.Store(newTable())
	return c
}

func newTable() *table { return &table{index: make(index, minCells)} }

// find returns the key with a digest, if it is cached. It allocates nothing and never waits.
func (c *cache) find(digest token.Digest) (key Key, ok bool) {
	w, t := wordsOf(digest), c.table.Load()
	number, ok := t.number(w)
	if !ok {
		return Key{}, false
	}
	b, n := t.at(number)
	list, ok := b.entries[n].read(w, &key)
	if !ok {
		return Key{}, false
	}
	if key.addresses, ok = t.rule(list); !ok {
		return Key{}, false
	}
	b.markUsed(n)
	return key, true
}

// number returns the number of the entry with a digest. The probe is bounded because a reader may
// see cells move while it runs.
func (t *table) number(w words) (number uint32, ok bool) {
	mask := uint64(len(t.index) - 1)
	for i, probes := uint64(w.hash())&mask, 0; probes < len(t.index); i, probes = (i+1)&mask, probes+1 {
		cell := atomic.LoadUint64(&t.index[i])
		if cell == 0 {
			return 0, false
		}
		if hashIn(cell) != w.hash() {
			continue
		}
		if b, n := t.at(numberIn(cell)); b != nil && b.entries[n].digest() == w {
			return numberIn(cell), true
		}
	}
	return 0, false
}

// at returns the block and position of an entry. The block is nil if the entry is newer than t.
func (t *table) at(number uint32) (b *block, n uint32) {
	if int(number>>blockBits) >= len(t.blocks) {
		return nil, 0
	}
	return t.blocks[number>>blockBits], number & (blockSize - 1)
}

// markUsed records that entry n was read.
func (b *block) markUsed(n uint32) {
	if word, bit := &b.used[n/64], uint64(1)<<(n%64); atomic.LoadUint64(word)&bit == 0 {
		atomic.OrUint64(word, bit) // only if needed, since a write takes the line from other cores
	}
}

// clearUsed forgets that entry n was read, and reports whether it was.
func (b *block) clearUsed(n uint32) bool {
	bit := uint64(1) << (n % 64)
	return atomic.AndUint64(&b.used[n/64], ^bit)&bit != 0
}

func (e *entry) digest() words {
	return words{atomic.LoadUint64(&e[digest0]), atomic.LoadUint64(&e[digest1])}
}

// read copies the key from an entry, and returns the number of its rule for addresses. It reports false if the
// entry doesn't hold digest w, or was written meanwhile.
func (e *entry) read(w words, key *Key) (rule uint32, ok bool) {
	before := atomic.LoadUint64(&e[sequence])
	if before&1 != 0 || e.digest() != w {
		return 0, false
	}
	binary.LittleEndian.PutUint64(key.id[:8], atomic.LoadUint64(&e[id0]))
	binary.LittleEndian.PutUint64(key.id[8:], atomic.LoadUint64(&e[id1]))
	binary.LittleEndian.PutUint64(key.workspace[:8], atomic.LoadUint64(&e[workspace0]))
	binary.LittleEndian.PutUint64(key.workspace[8:], atomic.LoadUint64(&e[workspace1]))
	key.scopes = scope.Set{atomic.LoadUint64(&e[scopes0]), atomic.LoadUint64(&e[scopes1])}
	key.expires = int64(atomic.LoadUint64(&e[expires]))
	state := int64(atomic.LoadUint64(&e[status]))
	key.pausedUntil, key.deleted = state>>1, state&1 != 0
	both := atomic.LoadUint64(&e[limits])
	key.rateLimit = uint32(both)
	return uint32(both >> 32), atomic.LoadUint64(&e[sequence]) == before
}

// write fills an entry with a key and the number of its rule for addresses. The caller holds the cache's lock.
func (e *entry) write(w words, key *Key, rule uint32) {
	before := e[sequence]
	atomic.StoreUint64(&e[sequence], before+1)
	atomic.StoreUint64(&e[digest0], w[0])
	atomic.StoreUint64(&e[digest1], w[1])
	atomic.StoreUint64(&e[id0], binary.LittleEndian.Uint64(key.id[:8]))
	atomic.StoreUint64(&e[id1], binary.LittleEndian.Uint64(key.id[8:]))
	atomic.StoreUint64(&e[workspace0], binary.LittleEndian.Uint64(key.workspace[:8]))
	atomic.StoreUint64(&e[workspace1], binary.LittleEndian.Uint64(key.workspace[8:]))
	atomic.StoreUint64(&e[scopes0], key.scopes[0])
	atomic.StoreUint64(&e[scopes1], key.scopes[1])
	atomic.StoreUint64(&e[expires], uint64(key.expires))
	state := uint64(key.pausedUntil) << 1
	if key.deleted {
		state |= 1
	}
	atomic.StoreUint64(&e[status], state)
	atomic.StoreUint64(&e[limits], uint64(rule)<<32|uint64(key.rateLimit))
	atomic.StoreUint64(&e[sequence], before+2)
}
