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
)

// Plant caches a key like row that the store does not have, and returns its text.
func (v *Verifier) Plant(t testing.TB, row *models.APIKey) string {
	t.Helper()
	secret := token.New(token.Live)
	key, err := newKey(row)
	if err != nil {
		t.Fatal(err)
	}
	v.cache.put(placeOf(secret.Reveal()), secret.Digest(), key, v.cache.stamp())
	return secret.Reveal()
}

// BytesPerKey is what a cached key takes now.
func (v *Verifier) BytesPerKey() float64 {
	t := v.cache.table.Load()
	bytes := (len(t.texts)+len(t.digests))*8 + len(t.blocks)*int(unsafe.Sizeof(block{})) + cap(v.cache.free)*4
	return float64(bytes) / float64(v.cache.size())
}

// AfterRead calls fn whenever a key has been read from the store, before it is cached.
func (v *Verifier) AfterRead(fn func()) {
	v.lookUp = func(ctx context.Context, digest token.Digest) (*models.APIKey, error) {
		row, err := v.store.APIKeyByDigest(ctx, digest)
		if fn != nil {
			fn()
		}
		return row, err
	}
}

// Hold caches row under a lease that has run out.
func (v *Verifier) Hold(t testing.TB, row *models.APIKey, c *Credential) {
	t.Helper()
	key, err := newKey(row)
	if err != nil {
		t.Fatal(err)
	}
	v.lease.take(time.Now().Add(-time.Hour), time.Minute)
	v.cache.put(c.place, c.Digest(), key, v.cache.stamp())
}

// Renew is a poll that has found a key deleted.
func (v *Verifier) Renew(digest token.Digest) {
	v.applyChanges(models.KeyChanges{Digests: []token.Digest{digest}})
	v.lease.take(time.Now(), time.Hour)
}

// LeaseLeft is what is left of a lease of length after so long on the two clocks.
func LeaseLeft(length, monotonic, wall time.Duration) time.Duration {
	now := time.Now()
	l := newLease(now)
	l.take(now, length)
	return l.leftAt(monotonic, now.Add(wall).UnixNano())
}

// Digest is that of the text which the credential carries.
func (c *Credential) Digest() token.Digest { return token.DigestOf(c.text) }

// Bounds of a Recorder.
const (
	MaxTallies     = maxTallies
	RecorderShards = recorderShards
)

// Tallies is how many tallies are held.
func (r *Recorder) Tallies() int {
	held := 0
	for i := range r.shards {
		held += r.shards[i].tallies.Load().held
	}
	return held
}

// CallerBytes is how long the names of the callers are that are held.
func (r *Recorder) CallerBytes() (bytes int) {
	for i := range r.shards {
		for _, caller := range r.shards[i].callers {
			bytes += len(caller.Address) + len(caller.UserAgent)
		}
	}
	return bytes
}

// LoseAnswers has the next batches stored, and the Recorder told that they were not.
func (r *Recorder) LoseAnswers(count int) {
	appended := r.append
	r.append = func(ctx context.Context, batch models.UsageBatch) error {
		err := appended(ctx, batch)
		if count--; count >= 0 && err == nil {
			return errors.New("the answer is lost")
		}
		return err
	}
}

// Number is a key like k with another id.
func (k Key) Number(n int) Key {
	binary.BigEndian.PutUint64(k.id[8:], uint64(n))
	return k
}
