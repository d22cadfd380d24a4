package models

import (
	"context"
	"sync"
)

// seenState is the state of all keys that this process has read last. Any number of remote nodes wait for it
// to change, so that only the node in this process needs to look for changes.
type seenState struct {
	mu      sync.Mutex
	state   KeyState
	changed chan struct{} // closed when state changes
}

func newSeenState() *seenState { return &seenState{state: UnknownKeys, changed: make(chan struct{})} }

// set records a state that was read, and wakes those who wait for another.
func (s *seenState) set(state KeyState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != state {
		s.state = state
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// await waits until a state other than known was read, or ctx is done. It reports whether one was.
func (s *seenState) await(ctx context.Context, known KeyState) bool {
	for {
		s.mu.Lock()
		state, changed := s.state, s.changed
		s.mu.Unlock()
		if state != known {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
