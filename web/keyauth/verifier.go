package keyauth

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/defect"
	"github.com/skipup/keys/models/token"
)

// DefaultCacheSize is the memory for cached keys, in bytes: a million of them.
const DefaultCacheSize = 1_000_000 * BytesPerKey

// readTimeout bounds a read of the store: a request that waits for its key has better be told
// to come again.
const readTimeout = time.Second

// Options are what a Verifier is given from outside.
type Options struct {
	CacheSize int          // bytes; DefaultCacheSize if 0
	Log       *slog.Logger // discarded if nil
}

// Source is where the answer to a verification came from.
type Source string

// The sources.
const (
	FromSyntax Source = "syntax" // what was sent cannot be a key
	FromMemory Source = "memory"
	FromStore  Source = "store"
)

// Result is what came of a verification.
type Result string

// The results.
const (
	ResultAccepted    Result = "accepted"
	ResultMissing     Result = "missing"
	ResultInvalid     Result = "invalid" // malformed or unknown
	ResultDeleted     Result = "deleted"
	ResultExpired     Result = "expired"
	ResultPaused      Result = "paused"
	ResultUnavailable Result = "unavailable"
)

// ResultOf is the result that the error of a verification stands for.
func ResultOf(err error) Result {
	dead := new(DeadError)
	switch {
	case err == nil:
		return ResultAccepted
	case errors.Is(err, ErrMissing):
		return ResultMissing
	case errors.As(err, &dead):
		return Result(dead.State)
	case errors.Is(err, ErrInvalid):
		return ResultInvalid
	}
	return ResultUnavailable
}

// Verifier verifies keys: from memory while it holds the lease that Run renews, else against
// the Store. It is safe for concurrent use.
type Verifier struct {
	store       *models.Store
	lookUp      func(context.Context, token.Digest) (*models.APIKey, error)
	log         *slog.Logger
	cache       *cache
	lease       *lease
	flights     flights
	epoch       atomic.Int64 // applied
	leaseLength atomic.Int64 // nanoseconds, as the store last said
	failing     bool         // whether the last poll failed; Run's alone
}

// New returns a Verifier of the keys in store.
func New(store *models.Store, options Options) *Verifier {
	if options.CacheSize == 0 {
		options.CacheSize = DefaultCacheSize
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	v := &Verifier{
		store: store, lookUp: store.APIKeyByDigest, log: options.Log,
		cache: newCache(options.CacheSize / BytesPerKey), lease: newLease(time.Now()),
	}
	v.epoch.Store(-1)
	return v
}

// Verify is the key that the values of a request's Authorization headers name, if requests
// with it are accepted now. Otherwise the error is ErrMissing, ErrInvalid, a *DeadError, which
// is an ErrInvalid that knows the key, or an *UnavailableError.
func (v *Verifier) Verify(ctx context.Context, authorization []string) (Key, error) {
	credential, err := v.Parse(authorization)
	if err != nil {
		return Key{}, err
	}
	if key, known, err := v.Recall(&credential); known {
		return key, err
	}
	return v.Read(ctx, &credential)
}

// Recall is Verify from memory alone. The key is known if the lease is held and the key cached.
// It allocates nothing for a good key.
func (v *Verifier) Recall(c *Credential) (key Key, known bool, err error) {
	return v.RecallAt(time.Now(), c)
}

// RecallAt is Recall for a request that was there at now, a reading of time.Now.
//
// The lease is checked before the look-up. The other way round, an entry found while the lease
// had run out would pass if the lease was renewed, and the entry dropped, between the two.
func (v *Verifier) RecallAt(now time.Time, c *Credential) (key Key, known bool, err error) {
	v.workOut(c)
	if defect.Seeded(defect.LookUpThenLease) {
		key, known = v.cache.find(c.place, &c.digest)
		time.Sleep(time.Millisecond) // the window is narrow; this opens it
		now = time.Now()
	}
	if !v.lease.held(now) && !defect.Seeded(defect.IgnoreLease) {
		return Key{}, false, nil
	}
	if !defect.Seeded(defect.LookUpThenLease) {
		key, known = v.cache.find(c.place, &c.digest)
	}
	if !known {
		return Key{}, false, nil
	}
	if err := key.dead(v.store, now); err != nil {
		return Key{}, true, err
	}
	return key, true, nil
}

// Read is Verify against the store, which a wrong checksum is not worth. However many requests
// wait for one key, it is read once for all who were there when the read began. Who comes
// while it is under way takes what it has put into the cache, if that may be used, or shares
// the next read: one that began before a deletion must not answer a request that was sent
// after it.
func (v *Verifier) Read(ctx context.Context, c *Credential) (Key, error) {
	if !c.HasChecksum() {
		return Key{}, ErrInvalid
	}
	v.workOut(c)
	read, isNew := v.flights.join(c.digest)
	if isNew {
		return v.lead(ctx, c, read)
	}
	key, err := v.await(ctx, read)
	if isUnavailable(err) || defect.Seeded(defect.ShareOldReads) {
		return key, err
	}
	if key, known, err := v.Recall(c); known {
		return key, err
	}
	if read, isNew = v.flights.follow(c.digest, read); isNew {
		return v.lead(ctx, c, read)
	}
	return v.await(ctx, read)
}

// await is what came of a read that somebody else does.
func (v *Verifier) await(ctx context.Context, read *flight) (Key, error) {
	select {
	case <-read.done:
		return v.alive(read.key, read.err)
	case <-ctx.Done():
		return Key{}, &UnavailableError{Err: ctx.Err()}
	}
}

var errBrokenOff = errors.New("the read was broken off")

// lead does a read that others may wait for, and tells them even if it panics.
func (v *Verifier) lead(ctx context.Context, c *Credential, read *flight) (Key, error) {
	var key Key
	var err error = &UnavailableError{Err: errBrokenOff}
	defer func() { v.flights.land(c.digest, read, key, err) }()
	key, err = v.fetch(ctx, c)
	return v.alive(key, err)
}

// fetch reads a key and caches it, whatever its state. The read does not end with the request
// that asks for it, because others may wait for it too.
func (v *Verifier) fetch(ctx context.Context, c *Credential) (Key, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	stamp := v.cache.stamp()
	row, err := v.lookUp(ctx, c.digest)
	if models.IsKind(err, models.NotFound) {
		return Key{}, ErrInvalid
	}
	if err != nil {
		return Key{}, &UnavailableError{Err: err}
	}
	key, err := newKey(row)
	if err != nil {
		return Key{}, &UnavailableError{Err: err}
	}
	v.cache.put(c.place, c.digest, key, stamp)
	return key, nil
}

func (v *Verifier) alive(key Key, err error) (Key, error) {
	if err == nil {
		err = key.dead(v.store, time.Now())
	}
	if err != nil {
		return Key{}, err
	}
	return key, nil
}

// Ready reports whether the lease is held, which it is while the store answers.
func (v *Verifier) Ready() bool { return v.lease.held(time.Now()) }

// State is what a Verifier can tell of itself.
type State struct {
	CachedKeys int
	Epoch      int64         // applied; -1 before the first poll
	LeaseLeft  time.Duration // zero or less if it has run out
}

// State is the present state.
func (v *Verifier) State() State {
	return State{CachedKeys: v.cache.size(), Epoch: v.epoch.Load(), LeaseLeft: v.lease.left(time.Now())}
}
