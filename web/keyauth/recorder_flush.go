package keyauth

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/skipup/keys/models"
)

// FlushWatch is told how each flush went.
type FlushWatch func(Flush)

// Flush is how one flush went.
type Flush struct {
	Tallies int // in the batch: of one key, caller, route and kind of answer each
	Took    time.Duration
	Err     error
	// Lost are the requests since the last flush that there was no room to count.
	Lost int64
}

// Flush appends what was counted since the last flush to the database. What could not be
// stored, or may have been without an answer, is sent again as it was before anything new: the
// database knows a batch that it has, so that nothing is counted twice.
func (r *Recorder) Flush(ctx context.Context) {
	r.flushing.Lock()
	defer r.flushing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if r.pending != nil && !r.send(ctx) {
		return
	}
	r.collected = time.Now()
	if r.pending = r.collect(); r.pending == nil {
		r.stored.Store(r.collected.UnixNano())
		return
	}
	r.send(ctx)
}

// send stores the pending batch and reports whether it is stored.
func (r *Recorder) send(ctx context.Context) bool {
	start := time.Now()
	err := r.append(ctx, *r.pending)
	if err != nil && isStopped(ctx) {
		return false // it goes with the last flush
	}
	r.report(Flush{Tallies: len(r.pending.Tallies), Took: time.Since(start), Err: err, Lost: r.lost.Swap(0)})
	if err != nil {
		return false
	}
	r.pending = nil
	r.stored.Store(r.collected.UnixNano())
	return true
}

// isStopped reports whether ctx was ended by whoever stops the program, not by a timeout.
func isStopped(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }

// report logs the beginning and the end of an outage.
func (r *Recorder) report(flush Flush) {
	switch {
	case flush.Err != nil && !r.failing:
		r.log.Error("usage cannot be stored: it is kept in memory and sent again", "error", flush.Err)
	case flush.Err == nil && r.failing:
		r.log.Info("usage is stored again")
	}
	r.failing = flush.Err != nil
	if flush.Lost > 0 {
		r.log.Warn("requests were not counted: there was no room", "requests", flush.Lost)
	}
	if r.watch != nil {
		r.watch(flush)
	}
}

// collect takes what was counted so far, nil if that is nothing.
func (r *Recorder) collect() *models.UsageBatch {
	batch := &models.UsageBatch{ID: rand.Text(), Routes: r.routes, Callers: make([]models.UsageCaller, 1)}
	for i := range r.shards {
		r.shards[i].collect(batch)
	}
	if len(batch.Tallies) == 0 {
		return nil
	}
	return batch
}

// take takes the tallies of a shard away from it, so that nobody else changes them, with their
// callers. It leaves a shard without any as it is.
func (s *recorderShard) take() (taken *tallies, callers map[uint64]models.UsageCaller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if taken = s.tallies.Load(); taken.held == 0 {
		return nil, nil
	}
	callers = s.callers
	s.tallies.Store(taken.next())
	s.callers = make(map[uint64]models.UsageCaller, len(callers))
	return taken, callers
}

// collect moves the tallies of a shard into a batch.
func (s *recorderShard) collect(batch *models.UsageBatch) {
	taken, callers := s.take()
	if taken == nil {
		return
	}
	numbers := map[uint64]int{0: 0} // the first caller of a batch is nobody told apart
	batch.Tallies = slices.Grow(batch.Tallies, taken.held)
	for i := range taken.cells {
		t := &taken.cells[i]
		if t.requests == 0 {
			continue
		}
		number, known := numbers[t.caller]
		if !known {
			number = len(batch.Callers)
			numbers[t.caller] = number
			batch.Callers = append(batch.Callers, callers[t.caller])
		}
		batch.Tallies = append(batch.Tallies, models.UsageTally{
			Key: t.key, Workspace: t.workspace, Route: int(t.route), Caller: number, StatusClass: int(t.class),
			Refusal: refusals[t.refusal], Requests: t.requests, First: t.at(t.first), Last: t.at(t.last),
		})
	}
}
