package ratelimit

import (
	"context"
	"hash/maphash"
	"sync"
	"time"
)

const (
	// subjectLimit is the maximum number of subjects in a Memory. They take about 80 MB.
	subjectLimit = 1 << 20
	// shardCount is the number of parts with separate locks.
	shardCount = 64
)

// Memory is a Limiter that counts in this process.
//
// It tracks about a million subjects. While it is full, all new subjects share a single window. That
// way an attacker with many IP addresses gets neither unlimited requests nor unlimited memory, and
// can't lock out all new clients. Space becomes available as windows end.
type Memory struct {
	policy Policy
	now    func() time.Time
	epoch  time.Time
	seed   maphash.Seed // makes it unpredictable which subjects share a shard
	limit  int          // of windows in a generation of a shard
	shards [shardCount]shard
	rest   rest
}

// shard holds some of the subjects, in two generations. New windows are added to the young one. Once
// that is as old as a window is long, it replaces the old one, whose windows have all ended, so that
// no scan for ended windows is needed. The maps contain no pointers, so that the garbage collector
// doesn't scan them.
type shard struct {
	mu         sync.Mutex
	young, old map[Subject]window
	turned     time.Duration // start of the young generation, since the epoch
}

// rest is the window shared by all subjects for which there is no space.
type rest struct {
	mu sync.Mutex
	window
}

// window counts the allowed requests of a window.
type window struct {
	over  time.Duration // end of the window, since the epoch
	count int32
}

// NewMemory returns a Memory for a policy. The clock should be time.Now, whose monotonic reading is
// unaffected by changes to the system clock.
func NewMemory(policy Policy, now func() time.Time) *Memory {
	m := &Memory{policy: policy, now: now, epoch: now(), seed: maphash.MakeSeed(), limit: subjectLimit / shardCount / 2}
	for i := range m.shards {
		m.shards[i].young = map[Subject]window{}
	}
	return m
}

// Take implements Limiter. It doesn't allocate for a subject with a current window.
func (m *Memory) Take(ctx context.Context, subject Subject) Decision {
	return m.TakeUpTo(ctx, subject, m.policy.Quota)
}

// TakeUpTo implements Limiter.
func (m *Memory) TakeUpTo(_ context.Context, subject Subject, quota int) Decision {
	policy := m.policy
	policy.Quota = quota
	at := m.now().Sub(m.epoch)
	s := m.shardOf(subject)
	s.mu.Lock()
	defer s.mu.Unlock()
	if generation, w := s.find(subject, at); generation != nil {
		decision := w.take(at, policy)
		generation[subject] = w
		return decision
	}
	if s.turn(at, m.policy.Window); len(s.young) >= m.limit {
		return m.rest.take(at, policy)
	}
	w := window{}
	decision := w.take(at, policy)
	s.young[subject] = w
	delete(s.old, subject)
	return decision
}

// Peek implements Limiter.
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

// find returns the current window of a subject and its generation, or nil if there is none.
func (s *shard) find(subject Subject, at time.Duration) (map[Subject]window, window) {
	if w, found := s.young[subject]; found && at < w.over {
		return s.young, w
	}
	if w, found := s.old[subject]; found && at < w.over {
		return s.old, w
	}
	return nil, window{}
}

// turn starts a new generation if the young one is old enough. It must be called before a window is
// added, so that no window is added to a generation older than a window's length.
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
	return Decision{Allowed: allowed, Remaining: max(0, policy.Quota-int(w.count)), Reset: w.over - at}
}

func (w window) peek(at time.Duration, policy Policy) Decision {
	if at >= w.over {
		return Decision{Allowed: true, Remaining: policy.Quota, Reset: policy.Window}
	}
	remaining := policy.Quota - int(w.count)
	return Decision{Allowed: remaining > 0, Remaining: remaining, Reset: w.over - at}
}
