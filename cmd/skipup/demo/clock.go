package demo

import (
	"sync"
	"time"
)

// Clock is a clock that can be set and then runs at normal speed. The demo's Store uses it to
// record events in the past.
type Clock struct {
	mu    sync.Mutex
	set   time.Time
	setAt time.Time // the real time at which it was set
}

// NewClock returns a clock set to now.
func NewClock(now time.Time) *Clock {
	c := &Clock{}
	c.Set(now)
	return c
}

// Set sets the clock to now.
func (c *Clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set, c.setAt = now, time.Now()
}

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.set.Add(time.Since(c.setAt))
}
