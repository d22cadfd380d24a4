package keyauth

import (
	"sync/atomic"
	"time"
)

// lease is the time until which a node may answer from memory. It is kept on two clocks and ends
// on whichever is first: the monotonic clock stops while a machine sleeps, and the wall clock can
// be set back.
type lease struct {
	start     time.Time    // origin of the monotonic clock
	monotonic atomic.Int64 // end, in nanoseconds after start
	wall      atomic.Int64 // end, in nanoseconds since 1970
}

func newLease(now time.Time) *lease { return &lease{start: now} }

// take sets the lease to end one length after from.
func (l *lease) take(from time.Time, length time.Duration) {
	end := from.Add(length)
	l.wall.Store(end.UnixNano())
	l.monotonic.Store(int64(end.Sub(l.start)))
}

// end ends the lease now. No request that checks it later passes.
func (l *lease) end() {
	l.monotonic.Store(0)
	l.wall.Store(0)
}

// valid reports whether the lease has not ended.
func (l *lease) valid(now time.Time) bool { return l.left(now) > 0 }

// left returns the time until the lease ends; zero or less if it has ended.
func (l *lease) left(now time.Time) time.Duration {
	return l.leftAt(now.Sub(l.start), now.UnixNano())
}

func (l *lease) leftAt(monotonic time.Duration, wall int64) time.Duration {
	return min(time.Duration(l.monotonic.Load())-monotonic, time.Duration(l.wall.Load()-wall))
}
