package demo

import (
	"sync"
	"time"
)

// Clock is a clock that can be set, and goes on from there like any other. The Store in which a
// history is made goes by it.
type Clock struct {
	mu    sync.Mutex
	shows time.Time
	since time.Time // when it was set, by the clock of this machine
}

// NewClock is a clock that shows a time.
func NewClock(shows time.Time) *Clock {
	c := &Clock{}
	c.Set(shows)
	return c
}

// Set makes c show a time.
func (c *Clock) Set(shows time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shows, c.since = shows, time.Now()
}

// Now is what c shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shows.Add(time.Since(c.since))
}
