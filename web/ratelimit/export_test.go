package ratelimit

import "time"

// LimitSubjects sets the maximum number of subjects: a multiple of 128, so that both generations of
// all 64 shards have the same space.
func (m *Memory) LimitSubjects(limit int) { m.limit = limit / shardCount / 2 }

// Subjects returns the number of tracked subjects.
func (m *Memory) Subjects() int {
	subjects := 0
	for i := range m.shards {
		subjects += len(m.shards[i].young) + len(m.shards[i].old)
	}
	return subjects
}

// CallTimeout is how long a Shared waits for Redis.
const CallTimeout = callTimeout

// SetTimeout sets how long the Shared waits for Redis.
func (s *Shared) SetTimeout(timeout time.Duration) { s.timeout = timeout }
