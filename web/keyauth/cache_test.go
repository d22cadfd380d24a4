package keyauth

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"
	"unsafe"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

// digestNumber is a digest as good as any.
func digestNumber(n int) token.Digest {
	var d token.Digest
	source := rand.New(rand.NewPCG(uint64(n), 7))
	for i := 0; i < len(d); i += 8 {
		binary.LittleEndian.PutUint64(d[i:], source.Uint64())
	}
	return d
}

// putNumber holds a key by digest number n.
func (c *cache) putNumber(n int, key Key, stamp uint64) {
	c.put(placeNumber(n), digestNumber(n), key, stamp)
}

func (c *cache) findNumber(n int) (Key, bool) {
	digest := digestNumber(n)
	return c.find(placeNumber(n), &digest)
}

// placeNumber is a place as good as any; some keys share one.
func placeNumber(n int) uint64 { return uint64(n/2) * 0x9e3779b97f4a7c15 >> 7 }

// keyNumber is a key whose every word tells which it is, so that a mixture would be seen.
func keyNumber(n int) Key {
	key := Key{expires: int64(n), scopes: scope.Set(n) & scope.All, deleted: n%2 == 0, paused: ^uint32(n)}
	binary.LittleEndian.PutUint64(key.id[:8], uint64(n))
	binary.LittleEndian.PutUint64(key.id[8:], uint64(n))
	binary.LittleEndian.PutUint64(key.workspace[:8], uint64(n))
	binary.LittleEndian.PutUint64(key.workspace[8:], uint64(n))
	return key
}

func (c *cache) holds(t *testing.T, n int) bool {
	t.Helper()
	key, held := c.findNumber(n)
	if held && key != keyNumber(n) {
		t.Errorf("key %d reads %+v", n, key)
	}
	return held
}

func TestCacheIsTheMapItStandsFor(t *testing.T) {
	const limit = 3000
	c, model := newCache(limit), map[int]bool{}
	random := rand.New(rand.NewPCG(1, 2))
	for step := range 100_000 {
		n := random.IntN(limit) // never more than there is room for: nothing is evicted
		switch random.IntN(3) {
		case 0:
			c.putNumber(n, keyNumber(n), c.stamp())
			model[n] = true
		case 1:
			c.apply([]token.Digest{digestNumber(n)}, false)
			delete(model, n)
		}
		if got := c.holds(t, n); got != model[n] {
			t.Fatalf("step %d: holds(%d) = %t, want %t", step, n, got, model[n])
		}
	}
	for n := range limit {
		if got := c.holds(t, n); got != model[n] {
			t.Errorf("holds(%d) = %t, want %t", n, got, model[n])
		}
	}
	if c.size() != len(model) {
		t.Errorf("size %d, want %d", c.size(), len(model))
	}
	c.apply(nil, true)
	for n := range limit {
		if c.holds(t, n) {
			t.Fatalf("key %d is held after all were dropped", n)
		}
	}
}

func TestCacheReplacesAKeyInPlace(t *testing.T) {
	c := newCache(10)
	for n := range 5 {
		c.putNumber(1, keyNumber(n), c.stamp())
		if key, held := c.findNumber(1); !held || key != keyNumber(n) {
			t.Errorf("got %+v, %t", key, held)
		}
	}
	if c.size() != 1 {
		t.Errorf("size %d", c.size())
	}
}

// TestAnExpiryIsHeldToTheMillisecond, until 2106. No process lives to see one after that.
func TestAnExpiryIsHeldToTheMillisecond(t *testing.T) {
	c := newCache(10)
	for expires, want := range map[int64]int64{
		never: never, -1: 0, 0: 0, 999: 999, 1_800_000_000_001: 1_800_000_000_001, noExpiry*1000 - 1: noExpiry*1000 - 1, noExpiry * 1000: never,
	} {
		key := keyNumber(1)
		key.expires, key.scopes = expires, scope.All
		c.putNumber(1, key, c.stamp())
		key.expires = want
		if got, held := c.findNumber(1); !held || got != key {
			t.Errorf("a key that expires at %d reads %+v", expires, got)
		}
	}
}

// TestAnEntryIsACacheLine, and begins with one.
func TestAnEntryIsACacheLine(t *testing.T) {
	c := newCache(10)
	c.putNumber(1, keyNumber(1), c.stamp())
	if at := uintptr(unsafe.Pointer(&c.table.Load().blocks[0].entries[0])); unsafe.Sizeof(entry{}) != 64 || at%64 != 0 {
		t.Errorf("entries take %d bytes and begin at %#x", unsafe.Sizeof(entry{}), at)
	}
	if tally := unsafe.Sizeof(tally{}); tally != 64 {
		t.Errorf("tallies take %d bytes", tally)
	}
}

// TestFillFromBeforeAChangeIsNotKept: the row of a miss may have been read before a change
// that was applied while it was on its way.
func TestFillFromBeforeAChangeIsNotKept(t *testing.T) {
	c := newCache(10)
	stamp := c.stamp()
	c.apply([]token.Digest{digestNumber(99)}, false)
	if c.putNumber(1, keyNumber(1), stamp); c.holds(t, 1) {
		t.Error("what was read before the change is held after it")
	}
	if c.putNumber(1, keyNumber(1), c.stamp()); !c.holds(t, 1) {
		t.Error("what was read after the change is not held")
	}
}

func TestCacheStaysWithinItsBoundAndKeepsWhatIsUsed(t *testing.T) {
	const limit, busy = 1000, 100
	c := newCache(limit)
	for n := range 50 * limit {
		c.putNumber(n, keyNumber(n), c.stamp())
		for used := range min(n, busy) {
			if n%100 == 0 && !c.holds(t, used) {
				t.Fatalf("after %d keys that were used once, key %d, which is used all the time, is gone", n, used)
			}
		}
		if c.size() > limit {
			t.Fatalf("%d keys are held", c.size())
		}
	}
	if c.size() != limit || c.made > limit {
		t.Errorf("%d keys are held in %d entries, want %d", c.size(), c.made, limit)
	}
}

func TestACachedKeyTakesWhatIsDocumented(t *testing.T) {
	c := newCache(1_000_000)
	for _, keys := range []int{blockSize, 3 * firstCells / 4 * 64, 300_000} {
		for n := c.size(); n < keys; n++ {
			c.putNumber(n, Key{}, c.stamp())
		}
		table := c.table.Load()
		ofBlock := int(unsafe.Sizeof(block{}))
		bytes := (len(table.texts)+len(table.digests))*8 + len(table.blocks)*ofBlock + cap(c.free)*4
		if perKey := float64(bytes-ofBlock) / float64(keys); perKey > BytesPerKey {
			t.Errorf("%d keys take %.1f bytes each, documented are %d", keys, perKey, BytesPerKey)
		}
	}
}

// TestReadersNeverSeeAMixture while others write, evict, grow and start anew.
func TestReadersNeverSeeAMixture(t *testing.T) {
	const limit, keys = 500, 2000
	c := newCache(limit)
	digests := make([]token.Digest, keys)
	for n := range digests {
		digests[n] = digestNumber(n)
	}
	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	for r := range 4 {
		readers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(r), 3))
			for {
				select {
				case <-stop:
					return
				default:
				}
				n := random.IntN(keys)
				if key, held := c.find(placeNumber(n), &digests[n]); held && key != keyNumber(n) {
					t.Errorf("key %d reads %+v", n, key)
					return
				}
			}
		})
	}
	for w := range 2 {
		writers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 4))
			for step := range 50_000 {
				n := random.IntN(keys)
				if step%5000 == 4999 {
					c.apply(nil, true)
				} else if step%7 == 0 {
					c.apply(digests[n:n+1], false)
				} else {
					c.put(placeNumber(n), digests[n], keyNumber(n), c.stamp())
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
}

func TestFindAllocatesNothing(t *testing.T) {
	c := newCache(10)
	c.putNumber(1, keyNumber(1), c.stamp())
	digest := digestNumber(1)
	if allocations := testing.AllocsPerRun(100, func() { c.expect(placeNumber(1)); c.expectEntry(placeNumber(1)); c.find(placeNumber(1), &digest) }); allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}
