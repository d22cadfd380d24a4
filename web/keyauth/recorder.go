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
)

const (
	// flushEvery is between two flushes. A crash loses at most this much of the counts.
	flushEvery = time.Second
	// flushTimeout bounds one flush; what it could not store goes with the next.
	flushTimeout = 10 * time.Second
	// foldEvery is between two additions of the batches to the tables. Who reads the tables does
	// not wait for it.
	foldEvery = 30 * time.Second
	// recorderShards keep requests on many cores from waiting for each other.
	recorderShards = 32
	// maxTallies bounds the memory of a Recorder while the database is away: about 20 MB. Each
	// tally is of one caller of one key on one route with one kind of answer.
	maxTallies = 1 << 16
	// longNames is from how many bytes on the names of a caller are cut before they are kept. What
	// is shorter, as nearly all are, is left to the flush.
	longNames = 512
)

// Recorder counts what each key is used for, in memory, and adds the counts to the database
// once a second. It is safe for concurrent use.
type Recorder struct {
	append func(context.Context, models.UsageBatch) error
	fold   func(context.Context) error
	log    *slog.Logger
	seed   maphash.Seed
	routes []models.UsageRoute // never changed once requests are served
	shards [recorderShards]recorderShard

	flushing  sync.Mutex
	pending   *models.UsageBatch // could not be stored, or nobody knows
	collected time.Time          // the last batch
	failing   bool
	watch     FlushWatch

	lost   atomic.Int64
	stored atomic.Int64 // nanoseconds since 1970 until when all counts are stored
}

// Route is the number of a route of the API; the zero Route is none.
type Route uint16

// recorderShard is a part of the tallies, those of some keys.
type recorderShard struct {
	tallies atomic.Pointer[tallies] // changed under mu, as is what it points to
	mu      sync.Mutex
	callers map[uint64]models.UsageCaller
	_       [40]byte // so that no two shards share a cache line
}

// refusal is a models.Refusal in one byte.
type refusal uint8

var refusals = [...]models.Refusal{models.Accepted, models.RefusedDeleted, models.RefusedExpired, models.RefusedScope, models.RefusedRateLimit, models.RefusedPaused}

func refusalOf(word models.Refusal) refusal {
	for i, r := range refusals {
		if r == word {
			return refusal(i)
		}
	}
	return 0
}

// NewRecorder returns a Recorder that stores into store once Run runs.
func NewRecorder(store *models.Store, log *slog.Logger, watch FlushWatch) *Recorder {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	r := &Recorder{append: store.AppendUsage, fold: store.FoldUsage, log: log, seed: maphash.MakeSeed(), routes: make([]models.UsageRoute, 1), watch: watch}
	for i := range r.shards {
		r.shards[i].tallies.Store(newTallies(firstTallies))
		r.shards[i].callers = map[uint64]models.UsageCaller{}
	}
	r.stored.Store(time.Now().UnixNano())
	return r
}

// Route is the number of a route, such as "GET /me", and the word of the scope that it needs.
// Call it before requests are served.
func (r *Recorder) Route(name, scope string) Route {
	r.routes = append(r.routes, models.UsageRoute{Name: name, Scope: scope})
	return Route(len(r.routes) - 1)
}

// Use is one request with a key.
type Use struct {
	Key                Key
	Route              Route
	Status             int
	Refusal            models.Refusal
	Address, UserAgent string
	Caller             Caller // of the address and user agent, if it is known
	At                 time.Time
}

// Caller is a number for an address with a user agent; 0 for nobody told apart.
type Caller uint64

// Record counts a request. It keeps no part of it but the caller's names, and of those no more
// than is stored.
func (r *Recorder) Record(use *Use) {
	caller := use.Caller
	if caller == 0 {
		caller = r.Caller(use.Address, use.UserAgent)
	}
	at := use.At.UnixMilli()
	k := tallyKey{
		key: use.Key.id, caller: uint64(caller), hour: uint32(at / hourMillis),
		route: use.Route, class: uint8(use.Status / 100), refusal: refusalOf(use.Refusal),
	}
	if len(use.Address)+len(use.UserAgent) > longNames {
		use = use.withShortNames() // before the lock, since it takes as long as the header is
	}
	shard := r.shardOf(&use.Key)
	shard.mu.Lock()
	counted := shard.tallies.Load().find(&k)
	if counted.requests == 0 {
		counted = shard.admit(&k, use)
	}
	if counted != nil {
		counted.add(uint32(at % hourMillis))
	}
	shard.mu.Unlock()
	if counted == nil {
		r.lost.Add(1)
	}
}

// withShortNames is u with as much of the caller's names as is stored.
func (u *Use) withShortNames() *Use {
	short := *u
	names := models.UsageCaller{Address: u.Address, UserAgent: u.UserAgent}.Storable()
	short.Address, short.UserAgent = names.Address, names.UserAgent
	return &short
}

// shardOf is where a key is counted. The last bits of its id are random, or near that.
func (r *Recorder) shardOf(key *Key) *recorderShard { return &r.shards[key.id[15]%recorderShards] }

// Caller is the number of a caller: its names are looked at only when it is new.
func (r *Recorder) Caller(address, userAgent string) Caller {
	return max(1, Caller(maphash.String(r.seed, address)^maphash.String(r.seed, userAgent)*31))
}

// admit makes a tally. Where there is little room, callers are not told apart any more; where
// there is none, there is none.
func (s *recorderShard) admit(k *tallyKey, use *Use) *tally {
	const room = maxTallies / recorderShards
	t := s.tallies.Load()
	if t.held >= room*3/4 {
		k.caller = 0
		if known := t.find(k); known.requests > 0 {
			return known
		}
		if t.held == room {
			return nil
		}
	} else if _, known := s.callers[k.caller]; !known {
		s.callers[k.caller] = models.UsageCaller{Address: strings.Clone(use.Address), UserAgent: strings.Clone(use.UserAgent)}
	}
	if t.isFull() {
		t = t.doubled()
		s.tallies.Store(t)
	}
	return t.insert(k, use.Key.workspace)
}

// Age is how long ago everything counted was stored.
func (r *Recorder) Age() time.Duration { return time.Since(time.Unix(0, r.stored.Load())) }

// Run flushes once a second and folds now and then until ctx is done, and then once more.
func (r *Recorder) Run(ctx context.Context) {
	flush, fold := time.NewTicker(flushEvery), time.NewTicker(foldEvery)
	defer flush.Stop()
	defer fold.Stop()
	for {
		select {
		case <-flush.C:
			r.Flush(ctx)
		case <-fold.C:
			r.foldAll(ctx)
		case <-ctx.Done():
			last := context.WithoutCancel(ctx)
			r.Flush(last)
			r.foldAll(last)
			return
		}
	}
}

// foldAll adds what all nodes have appended to the tables.
func (r *Recorder) foldAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, foldEvery)
	defer cancel()
	if err := r.fold(ctx); err != nil && !isStopped(ctx) {
		r.log.Error("usage is stored but not added up yet", "error", err)
	}
}
