package ratelimit

import "time"

// LimitSubjects makes m know at most limit subjects: some multiple of 128, so that each of the
// 64 shards has the same room in both of its generations.
func (m *Memory) LimitSubjects(limit int) { m.limit = limit / shardCount / 2 }

// Subjects is how many subjects m knows.
func (m *Memory) Subjects() int {
	known := 0
	for i := range m.shards {
		known += len(m.shards[i].young) + len(m.shards[i].old)
	}
	return known
}

// Patience is how long a Shared waits for Redis.
const Patience = patience

// WaitFor makes s wait for Redis for so long.
func (s *Shared) WaitFor(patience time.Duration) { s.patience = patience }
