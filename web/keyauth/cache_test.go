package keyauth

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"unsafe"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

// digestNumber returns a pseudo-random digest for n. Digests 2n and 2n+1 have the same hash.
func digestNumber(n int) token.Digest {
	var d token.Digest
	source := rand.New(rand.NewPCG(uint64(n), 7))
	for i := 0; i < len(d); i += 8 {
		binary.LittleEndian.PutUint64(d[i:], source.Uint64())
	}
	binary.LittleEndian.PutUint32(d[:], uint32(uint64(n/2)*0x9e3779b97f4a7c15>>7))
	return d
}

func (c *cache) putNumber(n int, key Key, stamp uint64) { c.put(digestNumber(n), key, stamp) }

func (c *cache) findNumber(n int) (Key, bool) { return c.find(digestNumber(n)) }

// rules are allowlists that many keys share.
var rules = func() (rules [40]*addressRule) {
	for i := range rules {
		rule, err := newAddressRule(models.Allowlist{Mode: models.AllowlistEnforce, Networks: fmt.Sprintf("10.0.%d.0/24", i)})
		if err != nil {
			panic(err)
		}
		rules[i] = rule
	}
	return rules
}()

// keyNumber returns a key in which every word depends on n, so that a torn read is noticed.
func keyNumber(n int) Key {
	key := Key{expires: int64(n), scopes: scope.Set{uint64(n), ^uint64(n)}, deleted: n%2 == 0, pausedUntil: int64(^uint32(n)), rateLimit: uint32(n)}
	if n%3 == 0 {
		key.addresses = rules[n%len(rules)]
	}
	binary.LittleEndian.PutUint64(key.id[:8], uint64(n))
	binary.LittleEndian.PutUint64(key.id[8:], uint64(n))
	binary.LittleEndian.PutUint64(key.workspace[:8], uint64(n))
	binary.LittleEndian.PutUint64(key.workspace[8:], uint64(n))
	return key
}

func (c *cache) holds(t *testing.T, n int) bool {
	t.Helper()
	key, ok := c.findNumber(n)
	if ok && key != keyNumber(n) {
		t.Errorf("key %d = %+v, want %+v", n, key, keyNumber(n))
	}
	return ok
}

func TestCacheBehavesLikeAMap(t *testing.T) {
	const limit = 3000
	c, model := newCache(limit), map[int]bool{}
	random := rand.New(rand.NewPCG(1, 2))
	for step := range 100_000 {
		n := random.IntN(limit) // never exceeds the limit, so nothing is evicted
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
	if c.keys() != len(model) {
		t.Errorf("keys = %d, want %d", c.keys(), len(model))
	}
	c.apply(nil, true)
	for n := range limit {
		if c.holds(t, n) {
			t.Fatalf("key %d is still cached after all keys were dropped", n)
		}
	}
}

func TestCacheReplacesKey(t *testing.T) {
	c := newCache(10)
	for n := range 5 {
		c.putNumber(1, keyNumber(n), c.stamp())
		if key, ok := c.findNumber(1); !ok || key != keyNumber(n) {
			t.Errorf("find = %+v, %t, want %+v", key, ok, keyNumber(n))
		}
	}
	if c.keys() != 1 {
		t.Errorf("keys = %d, want 1", c.keys())
	}
}

func TestCacheKeepsEveryField(t *testing.T) {
	c := newCache(10)
	for _, want := range []Key{
		{expires: never, pausedUntil: 1<<62 - 1, scopes: scope.All, deleted: true},
		{expires: never},
		{expires: 1_800_000_000_001, pausedUntil: 1_800_000_000},
		{expires: 0, deleted: true},
		{expires: -1, scopes: scope.All},
		{rateLimit: math.MaxUint32, addresses: rules[1]},
		{addresses: rules[0]},
	} {
		c.putNumber(1, want, c.stamp())
		if got, ok := c.findNumber(1); !ok || got != want {
			t.Errorf("find = %+v, %t, want %+v", got, ok, want)
		}
	}
}

func TestCacheIgnoresReadsFromBeforeAChange(t *testing.T) {
	c := newCache(10)
	stamp := c.stamp()
	c.apply([]token.Digest{digestNumber(99)}, false)
	if c.putNumber(1, keyNumber(1), stamp); c.holds(t, 1) {
		t.Error("a key read before the change is cached")
	}
	if c.putNumber(1, keyNumber(1), c.stamp()); !c.holds(t, 1) {
		t.Error("a key read after the change is not cached")
	}
}

func TestCacheEvictsUnusedKeys(t *testing.T) {
	const limit, busy = 1000, 100
	c := newCache(limit)
	for n := range 50 * limit {
		c.putNumber(n, keyNumber(n), c.stamp())
		for used := range min(n, busy) {
			if n%100 == 0 && !c.holds(t, used) {
				t.Fatalf("key %d, which is used all the time, was evicted after %d keys that were used once", used, n)
			}
		}
		if c.keys() > limit {
			t.Fatalf("keys = %d, want at most %d", c.keys(), limit)
		}
	}
	if c.keys() != limit {
		t.Errorf("keys = %d, want %d", c.keys(), limit)
	}
	if c.made > limit {
		t.Errorf("entries = %d, want at most %d", c.made, limit)
	}
}

func TestCachedKeyTakesAtMostBytesPerKey(t *testing.T) {
	c := newCache(1_000_000)
	for _, keys := range []int{blockSize, 3 * minCells / 4 * 64, 300_000} {
		for n := c.keys(); n < keys; n++ {
			c.putNumber(n, Key{}, c.stamp())
		}
		partial := int(unsafe.Sizeof(block{})) // the last block may be almost empty
		if got := float64(c.bytes()-partial) / float64(keys); got > BytesPerKey {
			t.Errorf("with %d keys, a key takes %.1f bytes, want at most %d", keys, got, BytesPerKey)
		}
	}
}

func TestCacheReadersNeverSeeAMixture(t *testing.T) {
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
				if key, ok := c.find(digests[n]); ok && key != keyNumber(n) {
					t.Errorf("key %d = %+v, want %+v", n, key, keyNumber(n))
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
					c.put(digests[n], keyNumber(n), c.stamp())
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
	if allocations := testing.AllocsPerRun(100, func() { c.find(digest) }); allocations != 0 {
		t.Errorf("allocations = %v, want 0", allocations)
	}
}

// When the lists take too much memory, all keys are dropped together with the lists, and none gets another's list.
func TestCacheDropsListsWithTheirKeys(t *testing.T) {
	c := newCache(100)
	c.putNumber(1, Key{addresses: rules[1]}, c.stamp())
	before := c.table.Load()
	c.listed = maxListed
	c.putNumber(2, Key{addresses: rules[2]}, c.stamp())
	if _, ok := c.findNumber(1); ok {
		t.Error("a key was kept after its list was dropped")
	}
	if key, ok := c.findNumber(2); !ok || key.addresses != rules[2] {
		t.Errorf("find = %+v, %t, want the second list", key, ok)
	}
	if rule, ok := before.rule(1); !ok || rule != rules[1] {
		t.Errorf("list of a reader with the earlier table = %v, %t, want the first", rule, ok)
	}
	if _, ok := before.rule(2); ok {
		t.Error("a reader with the earlier table found a list that is newer")
	}
}
