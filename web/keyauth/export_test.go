package keyauth

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"
	"unsafe"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/usage"
)

// Plant caches a copy of row under a new key, which the store doesn't have, and returns the key.
func (v *Verifier) Plant(t testing.TB, row *models.APIKey) string {
	t.Helper()
	secret := token.New(token.Live)
	key, err := newKey(row)
	if err != nil {
		t.Fatal(err)
	}
	v.cache.put(secret.Digest(), key, v.cache.stamp())
	return secret.Reveal()
}

// BytesPerKey returns the memory that a cached key currently takes.
func (v *Verifier) BytesPerKey() float64 { return float64(v.cache.bytes()) / float64(v.cache.keys()) }

// bytes returns the memory of the cache.
func (c *cache) bytes() int {
	t := c.table.Load()
	return len(t.index)*8 + len(t.blocks)*int(unsafe.Sizeof(block{})) + cap(c.free)*4
}

// AfterRead makes the Verifier call fn after it has read a key from the store, before it caches it.
func (v *Verifier) AfterRead(fn func()) {
	v.lookUp = func(ctx context.Context, digest token.Digest) (*models.APIKey, error) {
		row, err := v.source.APIKeyByDigest(ctx, digest)
		if fn != nil {
			fn()
		}
		return row, err
	}
}

// CacheWithoutLease caches row under a lease that has ended.
func (v *Verifier) CacheWithoutLease(t testing.TB, row *models.APIKey, digest token.Digest) {
	t.Helper()
	key, err := newKey(row)
	if err != nil {
		t.Fatal(err)
	}
	v.lease.take(time.Now().Add(-time.Hour), time.Minute)
	v.cache.put(digest, key, v.cache.stamp())
}

// ApplyDeletion does what a poll does when it finds a deleted key.
func (v *Verifier) ApplyDeletion(digest token.Digest) {
	v.applyChanges(models.KeyChanges{Digests: []token.Digest{digest}})
	v.lease.take(time.Now(), time.Hour)
}

// LeaseLeft returns what is left of a lease of the given length when the two clocks have advanced.
func LeaseLeft(length, monotonic, wall time.Duration) time.Duration {
	now := time.Now()
	l := newLease(now)
	l.take(now, length)
	return l.leftAt(monotonic, now.Add(wall).UnixNano())
}

// Bounds of a Recorder.
const (
	MaxCounts      = maxCounts
	RecorderShards = recorderShards
)

// Counts returns the number of counts in memory.
func (r *Recorder) Counts() int {
	held := 0
	for i := range r.shards {
		held += r.shards[i].counts.Load().held
	}
	return held
}

// CallerBytes returns the length of the names of all callers in memory.
func (r *Recorder) CallerBytes() (bytes int) {
	for i := range r.shards {
		for _, caller := range r.shards[i].callers {
			bytes += len(caller.Address) + len(caller.UserAgent)
		}
	}
	return bytes
}

// LoseResponses makes the next transactions succeed but report an error.
func (r *Recorder) LoseResponses(count int) {
	add := r.add
	r.add = func(ctx context.Context, counts usage.Counts) error {
		err := add(ctx, counts)
		if count--; count >= 0 && err == nil {
			return errors.New("the response was lost")
		}
		return err
	}
}

// Number returns a copy of k with another ID.
func (k Key) Number(n int) Key {
	binary.BigEndian.PutUint64(k.id[8:], uint64(n))
	return k
}

// InWorkspace returns a copy of k in another workspace.
func (k Key) InWorkspace(n byte) Key {
	k.workspace[15] = n
	return k
}

// NameOf returns the route with a number.
func (r *Recorder) NameOf(number Route) usage.Route { return r.routes.list()[number] }

// Verifier returns the gate's Verifier.
func (g *Gate) Verifier() *Verifier { return g.verifier }
