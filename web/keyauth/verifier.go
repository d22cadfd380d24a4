package keyauth

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
)

// DefaultCacheSize is the default memory for cached keys in bytes, enough for a million keys.
const DefaultCacheSize = 1_000_000 * BytesPerKey

// readTimeout bounds a database read. A request that waits longer gets a 503 and may retry.
const readTimeout = time.Second

// Options configure a Verifier.
type Options struct {
	CacheSize int            // in bytes; DefaultCacheSize if 0
	Log       *slog.Logger   // discarded if nil
	Node      models.NewNode // describes this process to operators
	// Observe is called after each poll with its error. It may be nil.
	Observe func(error)
}

// Origin says where the result of a verification came from.
type Origin string

// The origins of a result.
const (
	FromSyntax Origin = "syntax" // the credentials cannot be a key
	FromMemory Origin = "memory"
	FromStore  Origin = "store"
)

// Result is the result of a verification, for metrics.
type Result string

// The results of a verification.
const (
	ResultAccepted    Result = "accepted"
	ResultMissing     Result = "missing"
	ResultInvalid     Result = "invalid" // malformed or unknown
	ResultDeleted     Result = "deleted"
	ResultExpired     Result = "expired"
	ResultPaused      Result = "paused"
	ResultAddress     Result = "address" // not in the allowlist of the key
	ResultDamaged     Result = "damaged" // the row of the key can't be read
	ResultUnavailable Result = "unavailable"
)

// ResultOf returns the result for the error of a verification.
func ResultOf(err error) Result {
	if err == nil { // before anything is allocated
		return ResultAccepted
	}
	inactive := new(InactiveError)
	switch {
	case errors.Is(err, ErrMissing):
		return ResultMissing
	case errors.As(err, &inactive):
		return Result(inactive.Status)
	case errors.Is(err, ErrInvalid):
		return ResultInvalid
	case errors.As(err, new(*AddressError)):
		return ResultAddress
	case isDamaged(err):
		return ResultDamaged
	}
	return ResultUnavailable
}

// Verifier verifies keys from memory while it holds the lease that Run renews, and from its Source
// otherwise. It is safe for concurrent use.
type Verifier struct {
	source      Source
	lookUp      func(context.Context, token.Digest) (*models.APIKey, error)
	log         *slog.Logger
	cache       *cache
	lease       *lease
	flights     flights
	epoch       atomic.Int64 // applied
	leaseLength atomic.Int64 // nanoseconds, from the last poll
	clockSkew   atomic.Int64 // nanoseconds, from the last poll
	observe     func(error)

	// Only for Poll.
	node     models.NewNode
	nodeID   string          // empty before the node is registered
	failedID string          // of the last registration, if it failed
	known    models.KeyState // applied
}

// New returns a Verifier of the keys in source.
func New(source Source, options Options) *Verifier {
	if options.CacheSize == 0 {
		options.CacheSize = DefaultCacheSize
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Observe == nil {
		options.Observe = func(error) {}
	}
	v := &Verifier{
		source: source, lookUp: source.APIKeyByDigest, log: options.Log,
		cache: newCache(options.CacheSize / BytesPerKey), lease: newLease(time.Now()),
		observe: options.Observe, node: options.Node, known: models.UnknownKeys,
	}
	v.epoch.Store(models.UnknownKeys.Epoch)
	return v
}

// Verify returns the key in the Authorization headers of a request, if it is valid now. Otherwise
// the error is ErrMissing, ErrInvalid, a *InactiveError, which matches ErrInvalid and has the key, an
// *UnavailableError, or a *models.DamagedKeyError. It doesn't check the allowlist of the key, which a Gate does.
func (v *Verifier) Verify(ctx context.Context, authorization []string) (Key, error) {
	digest, err := v.Parse(authorization)
	if err != nil {
		return Key{}, err
	}
	if key, ok, err := v.Recall(time.Now(), digest); ok {
		return key, err
	}
	return v.Read(ctx, digest)
}

// Recall verifies a key from memory, for a request that arrived at or before now, a reading of
// time.Now. It reports false if the node holds no lease or the key isn't cached. It allocates
// nothing if the key is valid.
//
// The lease must be checked before the lookup. Otherwise an entry found after the lease has ended
// would pass if, between the two steps, the entry were dropped and the lease renewed.
func (v *Verifier) Recall(now time.Time, digest token.Digest) (key Key, ok bool, err error) {
	if !v.lease.valid(now) {
		return Key{}, false, nil
	}
	if key, ok = v.cache.find(digest); !ok {
		return Key{}, false, nil
	}
	if err := key.check(v.source, now); err != nil {
		return Key{}, true, err
	}
	return key, true, nil
}

// Read verifies a key from the database. Requests for the same key share a read if they arrived
// before it began. A request that arrives later waits for it, and then uses the cached key or
// shares the next read: a read that began before a deletion must not serve a request sent after it.
func (v *Verifier) Read(ctx context.Context, digest token.Digest) (Key, error) {
	read, isNew := v.flights.join(digest)
	if isNew {
		return v.carryOut(ctx, digest, read)
	}
	key, err := v.await(ctx, read)
	if isUnavailable(err) {
		return key, err
	}
	if key, ok, err := v.Recall(time.Now(), digest); ok {
		return key, err
	}
	if read, isNew = v.flights.follow(digest, read); isNew {
		return v.carryOut(ctx, digest, read)
	}
	return v.await(ctx, read)
}

// await returns the result of a read that another request carries out.
func (v *Verifier) await(ctx context.Context, read *flight) (Key, error) {
	select {
	case <-read.done:
		return v.checked(read.key, read.err)
	case <-ctx.Done():
		return Key{}, &UnavailableError{Err: ctx.Err()}
	}
}

var errInterrupted = errors.New("the read was interrupted")

// carryOut carries out a read and publishes its result, even if it panics.
func (v *Verifier) carryOut(ctx context.Context, digest token.Digest, read *flight) (Key, error) {
	var key Key
	var err error = &UnavailableError{Err: errInterrupted}
	defer func() { v.flights.finish(digest, read, key, err) }()
	key, err = v.fetch(ctx, digest)
	return v.checked(key, err)
}

// fetch reads a key and caches it, even if it is inactive. Canceling the request doesn't cancel the
// read, because other requests may be waiting for it.
func (v *Verifier) fetch(ctx context.Context, digest token.Digest) (Key, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	applied, stamp := v.epoch.Load(), v.cache.stamp()
	row, err := v.lookUp(ctx, digest)
	switch {
	case models.IsKind(err, models.NotFound):
		return Key{}, ErrInvalid
	case isDamaged(err):
		return Key{}, err
	case err != nil:
		return Key{}, &UnavailableError{Err: err}
	}
	key, err := newKey(row)
	if err != nil {
		return Key{}, err
	}
	if row.ChangedEpoch <= applied { // otherwise a failover could lose the change, and nothing would drop the key
		v.cache.put(digest, key, stamp)
	}
	return key, nil
}

// checked returns a key that was read, if it is valid now.
func (v *Verifier) checked(key Key, err error) (Key, error) {
	if err == nil {
		err = key.check(v.source, time.Now())
	}
	if err != nil {
		return Key{}, err
	}
	return key, nil
}

// Ready reports whether the lease is valid, as it is while the database responds.
func (v *Verifier) Ready() bool { return v.lease.valid(time.Now()) }

// State describes a Verifier, for metrics.
type State struct {
	CachedKeys int
	Epoch      int64         // applied; -1 before the first poll
	LeaseLeft  time.Duration // zero or less if the lease has ended
	ClockSkew  time.Duration // by how much this node's clock is ahead of the database's; 0 if that is unknown or too small to tell
}

// State returns the current state.
func (v *Verifier) State() State {
	return State{CachedKeys: v.cache.keys(), Epoch: v.epoch.Load(), LeaseLeft: v.lease.left(time.Now()), ClockSkew: time.Duration(v.clockSkew.Load())}
}
