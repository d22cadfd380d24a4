package keyauth

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/skipup/keys/models/usage"
)

const (
	// The next flush follows after minFlushInterval, or later after a large one, so that storing counts
	// leaves the database and the processor to the requests. A crash loses the counts of one interval.
	minFlushInterval = time.Second
	maxFlushInterval = 10 * time.Second
	flushTimePerRow  = 5 * time.Millisecond
	// flushTimeout limits one transaction. Counts that it could not store are stored by the next flush.
	flushTimeout = 10 * time.Second
	// flushRows limits the rows of counts that one transaction adds, because on SQLite all other
	// writes wait for it.
	flushRows = 1000
)

// FlushWatch is called after each transaction of a flush.
type FlushWatch func(Flush)

// Flush is the result of a transaction that adds counts.
type Flush struct {
	Counts int // rows of counts
	Took   time.Duration
	Err    error
	Lost   int64 // requests that will not be counted because the Recorder stopped
}

// Run flushes regularly until ctx is done, and then once more.
func (r *Recorder) Run(ctx context.Context) {
	timer := time.NewTimer(minFlushInterval)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			timer.Reset(r.Interval(r.Flush(ctx)))
		case <-ctx.Done():
			r.Flush(context.WithoutCancel(ctx))
			r.giveUp()
			return
		}
	}
}

// Interval returns the time until the next flush after a flush of a number of rows.
func (r *Recorder) Interval(rows int) time.Duration {
	return min(max(minFlushInterval, time.Duration(rows)*flushTimePerRow), maxFlushInterval)
}

// Flush adds the counts so far to the database and returns the number of rows. Counts that may or
// may not have been stored are first sent again unchanged, and the database ignores those it has.
func (r *Recorder) Flush(ctx context.Context) (rows int) {
	r.flushing.Lock()
	defer r.flushing.Unlock()
	return r.flush(ctx)
}

// FlushSmall flushes for a page that shows usage up to the second. It leaves flushes of more than one
// transaction to Run, and does nothing while another flush is in progress.
func (r *Recorder) FlushSmall(ctx context.Context) {
	if !r.flushing.TryLock() {
		return
	}
	defer r.flushing.Unlock()
	if r.size <= flushRows {
		r.flush(ctx)
	}
}

func (r *Recorder) flush(ctx context.Context) (rows int) {
	if !r.send(ctx) {
		return 0
	}
	r.collected = time.Now()
	r.pending = r.collect()
	for i := range r.pending {
		rows += len(r.pending[i].Rows)
	}
	r.size = rows
	r.send(ctx)
	return rows
}

// send stores the pending counts and reports whether all are stored.
func (r *Recorder) send(ctx context.Context) bool {
	for len(r.pending) > 0 {
		start := time.Now()
		err := r.addWithin(ctx, flushTimeout, r.pending[0])
		if err != nil && errors.Is(ctx.Err(), context.Canceled) {
			return false // the last flush sends them again
		}
		r.report(Flush{Counts: len(r.pending[0].Rows), Took: time.Since(start), Err: err})
		if err != nil {
			return false
		}
		r.pending = r.pending[1:]
	}
	if !r.collected.IsZero() {
		r.stored.Store(r.collected.UnixNano())
	}
	return true
}

func (r *Recorder) addWithin(ctx context.Context, timeout time.Duration, counts usage.Counts) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return r.add(ctx, counts)
}

// giveUp reports the requests that could not be stored before the Recorder stopped.
func (r *Recorder) giveUp() {
	var lost int64
	for _, counts := range append(r.pending, r.collect()...) {
		for i := range counts.Rows {
			lost += counts.Rows[i].Requests
		}
	}
	if lost > 0 {
		r.log.Error("usage could not be stored before stopping", "requests", lost)
		if r.watch != nil {
			r.watch(Flush{Lost: lost})
		}
	}
}

// report logs the start and the end of an outage.
func (r *Recorder) report(flush Flush) {
	switch {
	case flush.Err != nil && !r.failing:
		r.log.Error("usage cannot be stored; keeping it in memory", "error", flush.Err)
	case flush.Err == nil && r.failing:
		r.log.Info("usage is stored again")
	}
	r.failing = flush.Err != nil
	if r.watch != nil {
		r.watch(flush)
	}
}

// collect takes all counts out of the shards.
func (r *Recorder) collect() []usage.Counts {
	var rows []usage.Count
	for i := range r.shards {
		rows = r.shards[i].collect(rows, r.routes)
	}
	// The keys of a transaction are neighbors in the tables, so that it writes few pages.
	slices.SortFunc(rows, func(a, b usage.Count) int { return usage.ByKey(&a, &b) })
	var all []usage.Counts
	for len(rows) > 0 {
		n := min(len(rows), flushRows)
		all = append(all, usage.Counts{ID: rand.Text(), Rows: rows[:n:n]})
		rows = rows[n:]
	}
	return all
}

// collect appends the counts of a shard to rows.
func (s *recorderShard) collect(rows []usage.Count, numbered *routes) []usage.Count {
	taken, callers := s.take()
	if taken == nil {
		return rows
	}
	routes := numbered.list() // after the counts were taken, because those have no later routes
	workspaces := map[ulid.ULID]string{}
	for i := range taken.cells {
		c := &taken.cells[i]
		if c.requests == 0 {
			continue
		}
		workspace := workspaces[c.workspace]
		if workspace == "" {
			workspace = workspacePrefix + ulid.ULID(c.workspace).String()
			workspaces[c.workspace] = workspace
		}
		rows = append(rows, usage.Count{
			APIKeyID: keyPrefix + ulid.ULID(c.key).String(), WorkspaceID: workspace, StartsAt: c.at(0),
			Route: routes[c.route].Name, Scope: routes[c.route].Scope, StatusClass: int(c.class), Rejection: c.rejection.name(),
			Requests: c.requests, Outside: c.outside(), Caller: callers[c.caller], First: c.at(c.first), Last: c.at(c.last),
		})
	}
	return rows
}

// take empties a shard and returns what it had, or nil if it was empty.
func (s *recorderShard) take() (taken *countTable, callers map[uint64]usage.Caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if taken = s.counts.Load(); taken.held == 0 {
		return nil, nil
	}
	callers = s.callers
	s.counts.Store(taken.next())
	s.callers = make(map[uint64]usage.Caller, len(callers))
	return taken, callers
}
