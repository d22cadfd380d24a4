package keyauth

import (
	"context"
	"hash/maphash"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/usage"
)

const (
	// recorderShards keeps requests on several cores from waiting for each other.
	recorderShards = 32
	// maxCounts limits the memory for counts to about 20 MB, for example while the database is
	// unavailable. From half of it on, new callers are counted by address alone, so that the user agents
	// of one address don't hide others. From three quarters of it on, new callers are counted together;
	// from all of it on, new routes are counted together. The totals and last uses of keys are never
	// dropped.
	maxCounts = 1 << 16
	// longNames is the length in bytes from which the address and user agent of a caller are clipped
	// before they are kept in memory. Shorter ones are clipped when they are stored.
	longNames = 512
)

// Recorder counts the requests with each key in memory and adds the counts to the database every few
// seconds. It is safe for concurrent use.
type Recorder struct {
	add    func(context.Context, usage.Counts) error
	log    *slog.Logger
	seed   maphash.Seed
	routes *routes
	shards [recorderShards]recorderShard

	flushing  sync.Mutex
	pending   []usage.Counts // not stored, or without a response
	collected time.Time      // when pending was collected
	size      int            // rows of the last flush
	failing   bool
	watch     FlushWatch

	stored atomic.Int64 // nanoseconds since 1970 until which all counts are stored
}

// recorderShard has the counts of some keys.
type recorderShard struct {
	counts  atomic.Pointer[countTable] // changed under mu, like what it points to
	mu      sync.Mutex
	callers map[uint64]usage.Caller
	_       [40]byte // keeps shards from sharing a cache line
}

// rejection is a usage.Rejection in one byte.
type rejection uint8

var rejections = [...]usage.Rejection{
	usage.Accepted, usage.RejectedDeleted, usage.RejectedExpired, usage.RejectedScope, usage.RejectedRateLimit, usage.RejectedPaused,
	usage.RejectedAddress,
}

// acceptedOutside stands for an accepted request from an address that isn't in an allowlist that only reports.
const acceptedOutside = rejection(len(rejections))

func rejectionOf(name usage.Rejection) rejection {
	for i, r := range rejections {
		if r == name {
			return rejection(i)
		}
	}
	return 0
}

// name returns the usage.Rejection.
func (r rejection) name() usage.Rejection {
	if r == acceptedOutside {
		return usage.Accepted
	}
	return rejections[r]
}

// outside returns the usage.Count.Outside of c.
func (c *count) outside() int64 {
	if c.rejection == acceptedOutside {
		return c.requests
	}
	return 0
}

// NewRecorder returns a Recorder that stores its counts in source while Run runs.
func NewRecorder(source Source, log *slog.Logger, watch FlushWatch) *Recorder {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	r := &Recorder{add: source.AddUsage, log: log, seed: maphash.MakeSeed(), routes: newRoutes(), watch: watch}
	for i := range r.shards {
		r.shards[i].counts.Store(newCountTable(minTableSize))
		r.shards[i].callers = map[uint64]usage.Caller{}
	}
	r.stored.Store(time.Now().UnixNano())
	return r
}

// Route returns the number of a route, such as "GET /me", that requires a scope.
func (r *Recorder) Route(name, scope string) Route {
	return r.routes.number(usage.Route{Name: name, Scope: scope})
}

// RouteOf returns the number of a route that a request with a key names. Each workspace can introduce at
// most 500 routes on a node; further ones are counted as usage.OtherRoutes.
func (r *Recorder) RouteOf(key Key, name []byte, scope string) Route {
	return r.routes.introduce(name, scope, key.workspace)
}

// Use is one request with a key.
type Use struct {
	Key                Key
	Route              Route
	Status             int
	Rejection          usage.Rejection
	Address, UserAgent string
	At                 time.Time
	outside            bool // if it was accepted; see usage.Count
}

// Record counts a request. It does not retain use, and keeps no more of the address and user agent
// than is stored.
func (r *Recorder) Record(use *Use) {
	at := use.At.UnixMilli()
	k := countKey{
		key: use.Key.id, caller: r.caller(use.Address, use.UserAgent), hour: uint32(at / hourMillis),
		route: use.Route, class: uint8(use.Status / 100), rejection: rejectionOf(use.Rejection),
	}
	if use.outside && use.Rejection == usage.Accepted {
		k.rejection = acceptedOutside
	}
	if len(use.Address)+len(use.UserAgent) > longNames {
		use = use.withShortNames() // before the lock, because it takes long
	}
	shard := r.shardOf(&use.Key)
	shard.mu.Lock()
	count := shard.counts.Load().find(&k)
	if count.requests == 0 {
		count = r.insert(shard, &k, use)
	}
	count.add(uint32(at % hourMillis))
	shard.mu.Unlock()
}

func (u *Use) withShortNames() *Use {
	short := *u
	caller := models.StorableCaller(usage.Caller{Address: u.Address, UserAgent: u.UserAgent})
	short.Address, short.UserAgent = caller.Address, caller.UserAgent
	return &short
}

// shardOf returns the shard of a key. The last bits of IDs are nearly random.
func (r *Recorder) shardOf(key *Key) *recorderShard { return &r.shards[key.id[15]%recorderShards] }

// caller returns the number of an address with a user agent. Zero stands for others.
func (r *Recorder) caller(address, userAgent string) uint64 {
	return max(1, maphash.String(r.seed, address)^maphash.String(r.seed, userAgent)*31)
}

// insert returns the count to add a request to, with less detail if there are too many counts.
func (r *Recorder) insert(s *recorderShard, k *countKey, use *Use) *count {
	const room = maxCounts / recorderShards
	t := s.counts.Load()
	caller := usage.Caller{Address: use.Address, UserAgent: use.UserAgent}
	switch {
	case t.held >= room*3/4:
		k.caller, caller = 0, usage.Caller{}
	case t.held >= room/2:
		k.caller = r.caller(use.Address, "\x00") // no user agent has this
		caller = usage.Caller{Address: use.Address, Rest: true}
	}
	if t.held >= room {
		k.route = 0
	}
	if known := t.find(k); known.requests > 0 {
		return known
	}
	if _, known := s.callers[k.caller]; !known && k.caller != 0 {
		caller.Address, caller.UserAgent = strings.Clone(caller.Address), strings.Clone(caller.UserAgent)
		s.callers[k.caller] = caller
	}
	if t.isFull() {
		t = t.doubled()
		s.counts.Store(t)
	}
	return t.insert(k, use.Key.workspace)
}

// Age returns how long ago all counts were stored.
func (r *Recorder) Age() time.Duration { return time.Since(time.Unix(0, r.stored.Load())) }
