package keyauth

import (
	"sync/atomic"
	"time"
)

// lease is until when a node may answer from memory. It is kept on two clocks and over when
// either says so: the monotonic one stands still while a machine sleeps, and the wall clock
// can be set back.
type lease struct {
	start     time.Time    // of the monotonic clock
	monotonic atomic.Int64 // nanoseconds after start
	wall      atomic.Int64 // nanoseconds since 1970
}

func newLease(now time.Time) *lease { return &lease{start: now} }

// take lets the lease run for length from the moment from.
func (l *lease) take(from time.Time, length time.Duration) {
	end := from.Add(length)
	l.wall.Store(end.UnixNano())
	l.monotonic.Store(int64(end.Sub(l.start)))
}

// held reports whether the lease still runs at now.
func (l *lease) held(now time.Time) bool { return l.left(now) > 0 }

// left is how long the lease still runs at now; zero or less if it is over.
func (l *lease) left(now time.Time) time.Duration {
	return l.leftAt(now.Sub(l.start), now.UnixNano())
}

func (l *lease) leftAt(monotonic time.Duration, wall int64) time.Duration {
	return min(time.Duration(l.monotonic.Load())-monotonic, time.Duration(l.wall.Load()-wall))
}
