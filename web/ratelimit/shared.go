package ratelimit

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// patience is how long a request waits for Redis. It is many times what an answer takes,
	// and little beside what people notice.
	patience = 50 * time.Millisecond
	// pause is for how long Redis is left alone when it has not answered, so that not every
	// request waits in vain.
	pause = time.Second
)

// takeScript is Limiter.Take: what remains after this request, or -1 if it is refused, and the
// milliseconds until the window is over. A window without an end, which nothing here makes,
// begins anew.
var takeScript = redis.NewScript(`
local quota, length = tonumber(ARGV[1]), tonumber(ARGV[2])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = length
  redis.call('SET', KEYS[1], 0, 'PX', length)
end
if tonumber(redis.call('GET', KEYS[1])) >= quota then
  return {-1, left}
end
return {quota - redis.call('INCR', KEYS[1]), left}
`)

// peekScript is Limiter.Peek: what remains, and the milliseconds until the window is over.
var peekScript = redis.NewScript(`
local quota, length = tonumber(ARGV[1]), tonumber(ARGV[2])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  return {quota, length}
end
return {quota - tonumber(redis.call('GET', KEYS[1])), left}
`)

// Shared is a Limiter that counts in Redis, so that all nodes share a count.
//
// While Redis cannot be asked, each node counts by itself: no request is refused for it, and
// for so long a subject has its quota on every node.
type Shared struct {
	client   *redis.Client
	prefix   string
	policy   Policy
	fallback *Memory
	log      *slog.Logger
	patience time.Duration

	mu       sync.Mutex
	out      bool      // Redis did not answer when last asked
	askAgain time.Time // by the clock of fallback; only while out
}

// NewShared is a Shared for policy. It counts under keys of prefix, which no other limiter may
// have, and a subject in hex, and while Redis cannot be asked by fallback. The client must be
// made from what ParseRedis returns, and is closed by the caller. What go-redis has to say for
// itself goes to log, at the level of debugging.
func NewShared(client *redis.Client, prefix string, policy Policy, fallback *Memory, log *slog.Logger) *Shared {
	redis.SetLogger(clientLog{log}) // there is one for all clients; without it they write to stderr
	return &Shared{client: client, prefix: prefix, policy: policy, fallback: fallback, log: log, patience: patience}
}

// Take is Limiter.Take.
func (s *Shared) Take(ctx context.Context, subject Subject) Decision {
	reply, answered := s.ask(ctx, takeScript, subject, s.policy.Quota, s.policy.Window.Milliseconds())
	if !answered {
		return s.fallback.Take(ctx, subject)
	}
	remaining, left := reply[0], max(1, reply[1])
	return Decision{Allowed: remaining >= 0, Remaining: int(max(0, remaining)), Reset: time.Duration(left) * time.Millisecond}
}

// Peek is Limiter.Peek.
func (s *Shared) Peek(ctx context.Context, subject Subject) Decision {
	reply, answered := s.ask(ctx, peekScript, subject, s.policy.Quota, s.policy.Window.Milliseconds())
	if !answered {
		return s.fallback.Peek(ctx, subject)
	}
	remaining, left := max(0, reply[0]), max(1, reply[1])
	return Decision{Allowed: remaining > 0, Remaining: int(remaining), Reset: time.Duration(left) * time.Millisecond}
}

// ask runs script on the window of subject, unless Redis is left alone now. It does so even
// for a caller who has gone: to hang up early must neither be free nor look like an outage.
func (s *Shared) ask(ctx context.Context, script *redis.Script, subject Subject, args ...any) ([]int64, bool) {
	trial, allowed := s.mayAsk()
	if !allowed {
		return nil, false
	}
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.patience)
	defer cancel()
	reply, err := script.Run(asking, s.client, []string{s.prefix + hex.EncodeToString(subject[:])}, args...).Int64Slice()
	switch {
	case err != nil:
		s.beginOutage(ctx, err)
	case trial:
		s.endOutage(ctx)
	}
	return reply, err == nil
}

// mayAsk reports whether Redis may be asked, and whether that is a trial. In an outage there is
// one for each pause, whose success ends it. Others may have asked before the outage began, so
// that their success says nothing.
func (s *Shared) mayAsk() (trial, allowed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.out {
		return false, true
	}
	now := s.fallback.now()
	if now.Before(s.askAgain) {
		return false, false
	}
	s.askAgain = now.Add(pause)
	return true, true
}

func (s *Shared) beginOutage(ctx context.Context, err error) {
	s.mu.Lock()
	known := s.out
	s.out, s.askAgain = true, s.fallback.now().Add(pause)
	s.mu.Unlock()
	if !known {
		s.log.WarnContext(ctx, "Redis does not answer: each node counts requests by itself",
			slog.String("policy", s.policy.Name), slog.Any("error", err))
	}
}

func (s *Shared) endOutage(ctx context.Context) {
	s.mu.Lock()
	s.out = false
	s.mu.Unlock()
	s.log.InfoContext(ctx, "Redis answers again: all nodes count requests together", slog.String("policy", s.policy.Name))
}

// clientLog takes what go-redis would write to stderr, such as a line for each failed dial.
type clientLog struct{ log *slog.Logger }

// Printf is what go-redis calls.
func (l clientLog) Printf(ctx context.Context, format string, args ...any) {
	if l.log.Enabled(ctx, slog.LevelDebug) {
		l.log.DebugContext(ctx, fmt.Sprintf(format, args...))
	}
}
