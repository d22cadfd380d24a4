package ratelimit

import (
	"context"
	"hash/maphash"
	"sync"
	"time"
)

const (
	// subjectLimit is how many subjects a Memory knows at most. So many take about 80 MB.
	subjectLimit = 1 << 20
	// shardCount is how many parts have a lock of their own.
	shardCount = 64
)

// Memory is a Limiter that counts in this process.
//
// It knows about a million subjects at most. While it is full, all subjects that are new share
// one window among them: whoever has so many addresses to come from must get neither
// unlimited requests nor our memory, and refusing everybody new would be what they are after.
// Room is made when the windows of the known ones are over.
type Memory struct {
	policy Policy
	now    func() time.Time
	epoch  time.Time
	seed   maphash.Seed // nobody outside can tell which subjects share a shard
	limit  int          // of windows in a generation of a shard
	shards [shardCount]shard
	rest   rest
}

// shard is a part of the subjects, in two generations. A window is born into the young one.
// When that is as old as a window is long, it becomes the old one, and the old one, whose
// windows are all over by then, is dropped as a whole: nothing ever has to look for them. The
// maps hold no pointers, so that the garbage collector does not look into them either.
type shard struct {
	mu         sync.Mutex
	young, old map[Subject]window
	turned     time.Duration // when young began, since the epoch
}

// rest is the window of all subjects for which there is no room.
type rest struct {
	mu sync.Mutex
	window
}

// window is how many requests were let through, and when that is forgotten.
type window struct {
	over  time.Duration // since the epoch
	count int32
}

// NewMemory is a Memory for policy by the clock now. That should be time.Now, whose monotonic
// part does not follow when the system's clock is set.
func NewMemory(policy Policy, now func() time.Time) *Memory {
	m := &Memory{policy: policy, now: now, epoch: now(), seed: maphash.MakeSeed(), limit: subjectLimit / shardCount / 2}
	for i := range m.shards {
		m.shards[i].young = map[Subject]window{}
	}
	return m
}

// Take is Limiter.Take. It allocates nothing for a subject whose window has begun.
func (m *Memory) Take(_ context.Context, subject Subject) Decision {
	at := m.now().Sub(m.epoch)
	s := m.shardOf(subject)
	s.mu.Lock()
	defer s.mu.Unlock()
	if generation, w := s.find(subject, at); generation != nil {
		decision := w.take(at, m.policy)
		generation[subject] = w
		return decision
	}
	if s.turn(at, m.policy.Window); len(s.young) >= m.limit {
		return m.rest.take(at, m.policy)
	}
	w := window{}
	decision := w.take(at, m.policy)
	s.young[subject] = w
	delete(s.old, subject)
	return decision
}

// Peek is Limiter.Peek.
func (m *Memory) Peek(_ context.Context, subject Subject) Decision {
	at := m.now().Sub(m.epoch)
	s := m.shardOf(subject)
	s.mu.Lock()
	defer s.mu.Unlock()
	if generation, w := s.find(subject, at); generation != nil {
		return w.peek(at, m.policy)
	}
	if len(s.young) >= m.limit && at-s.turned < m.policy.Window {
		return m.rest.peek(at, m.policy)
	}
	return window{}.peek(at, m.policy)
}

func (m *Memory) shardOf(subject Subject) *shard {
	return &m.shards[maphash.Bytes(m.seed, subject[:])%shardCount]
}

// find is the window of subject that is not over, and the generation it is in; nil if there
// is none.
func (s *shard) find(subject Subject, at time.Duration) (map[Subject]window, window) {
	if w, found := s.young[subject]; found && at < w.over {
		return s.young, w
	}
	if w, found := s.old[subject]; found && at < w.over {
		return s.old, w
	}
	return nil, window{}
}

// turn lets the generations follow each other. It comes before every birth, so that none is
// born into a generation later than a window's length after that began.
func (s *shard) turn(at, length time.Duration) {
	age := at - s.turned
	if age < length {
		return
	}
	s.old, s.young, s.turned = s.young, map[Subject]window{}, at
	if age >= 2*length {
		s.old = nil
	}
}

func (r *rest) take(at time.Duration, policy Policy) Decision {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.window.take(at, policy)
}

func (r *rest) peek(at time.Duration, policy Policy) Decision {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.window.peek(at, policy)
}

func (w *window) take(at time.Duration, policy Policy) Decision {
	if at >= w.over {
		*w = window{over: at + policy.Window}
	}
	allowed := int(w.count) < policy.Quota
	if allowed {
		w.count++
	}
	return Decision{Allowed: allowed, Remaining: policy.Quota - int(w.count), Reset: w.over - at}
}

func (w window) peek(at time.Duration, policy Policy) Decision {
	if at >= w.over {
		return Decision{Allowed: true, Remaining: policy.Quota, Reset: policy.Window}
	}
	remaining := policy.Quota - int(w.count)
	return Decision{Allowed: remaining > 0, Remaining: remaining, Reset: w.over - at}
}
