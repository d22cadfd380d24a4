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
	// callTimeout is how long a request waits for Redis: many times longer than a normal call, and
	// too short for people to notice.
	callTimeout = 50 * time.Millisecond
	// pause is how long Redis is not used after a failure, so that not every request waits for the
	// timeout.
	pause = time.Second
)

// takeScript implements Take. It returns the remaining requests, or -1 if this one is rejected, and the
// milliseconds until the window ends. It replaces a window without an end.
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

// peekScript implements Peek. It returns the remaining requests and the milliseconds until the window
// ends.
var peekScript = redis.NewScript(`
local quota, length = tonumber(ARGV[1]), tonumber(ARGV[2])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  return {quota, length}
end
return {quota - tonumber(redis.call('GET', KEYS[1])), left}
`)

// Shared is a Limiter that counts in Redis, for all nodes together.
//
// While Redis is unavailable, each node counts on its own. No requests are rejected because of that,
// and each subject has its quota on each node.
type Shared struct {
	client   *redis.Client
	prefix   string
	policy   Policy
	fallback *Memory
	log      *slog.Logger
	timeout  time.Duration
	watch    func(out bool)

	mu      sync.Mutex
	out     bool      // the last call failed
	retryAt time.Time // by the clock of fallback; only while out
}

// NewShared returns a Shared for a policy. No other limiter may use the same key prefix. It uses
// fallback while Redis is unavailable. The client must have the options returned by ParseRedis, and
// the caller must close it. Messages of go-redis are logged at debug level.
func NewShared(client *redis.Client, prefix string, policy Policy, fallback *Memory, log *slog.Logger) *Shared {
	redis.SetLogger(clientLog{log}) // global for all clients; the default writes to stderr
	return &Shared{client: client, prefix: prefix, policy: policy, fallback: fallback, log: log, timeout: callTimeout, watch: func(bool) {}}
}

// Watch sets a function that is called when Redis becomes unavailable, or too slow, and when it is
// available again. Call it before the first request.
func (s *Shared) Watch(watch func(out bool)) { s.watch = watch }

// Take implements Limiter.
func (s *Shared) Take(ctx context.Context, subject Subject) Decision {
	return s.TakeUpTo(ctx, subject, s.policy.Quota)
}

// TakeUpTo implements Limiter.
func (s *Shared) TakeUpTo(ctx context.Context, subject Subject, quota int) Decision {
	reply, ok := s.run(ctx, takeScript, subject, quota, s.policy.Window.Milliseconds())
	if !ok {
		return s.fallback.TakeUpTo(ctx, subject, quota)
	}
	remaining, left := reply[0], max(1, reply[1])
	return Decision{Allowed: remaining >= 0, Remaining: int(max(0, remaining)), Reset: time.Duration(left) * time.Millisecond}
}

// Peek implements Limiter.
func (s *Shared) Peek(ctx context.Context, subject Subject) Decision {
	reply, ok := s.run(ctx, peekScript, subject, s.policy.Quota, s.policy.Window.Milliseconds())
	if !ok {
		return s.fallback.Peek(ctx, subject)
	}
	remaining, left := max(0, reply[0]), max(1, reply[1])
	return Decision{Allowed: remaining > 0, Remaining: int(remaining), Reset: time.Duration(left) * time.Millisecond}
}

// run runs a script for a subject, unless Redis is paused. It ignores the cancellation of ctx, so that
// clients that disconnect are counted and don't look like an outage.
func (s *Shared) run(ctx context.Context, script *redis.Script, subject Subject, args ...any) ([]int64, bool) {
	trial, allowed := s.mayCall()
	if !allowed {
		return nil, false
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	defer cancel()
	reply, err := script.Run(limited, s.client, []string{s.prefix + hex.EncodeToString(subject[:])}, args...).Int64Slice()
	switch {
	case err != nil:
		s.beginOutage(ctx, err)
	case trial:
		s.endOutage(ctx)
	}
	return reply, err == nil
}

// mayCall reports whether Redis may be called, and whether the call is a trial. During an outage there
// is one trial per pause. Only the success of a trial ends the outage, because other calls may have
// begun before it.
func (s *Shared) mayCall() (trial, allowed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.out {
		return false, true
	}
	now := s.fallback.now()
	if now.Before(s.retryAt) {
		return false, false
	}
	s.retryAt = now.Add(pause)
	return true, true
}

func (s *Shared) beginOutage(ctx context.Context, err error) {
	s.mu.Lock()
	known := s.out
	s.out, s.retryAt = true, s.fallback.now().Add(pause)
	s.mu.Unlock()
	if !known {
		s.watch(true)
		s.log.WarnContext(ctx, "Redis is unavailable; each node limits requests on its own",
			slog.String("policy", s.policy.Name), slog.Any("error", err))
	}
}

func (s *Shared) endOutage(ctx context.Context) {
	s.mu.Lock()
	s.out = false
	s.mu.Unlock()
	s.watch(false)
	s.log.InfoContext(ctx, "Redis is available again; limits apply across all nodes", slog.String("policy", s.policy.Name))
}

// clientLog logs the messages of go-redis, such as failed dials.
type clientLog struct{ log *slog.Logger }

// Printf implements the logger interface of go-redis.
func (l clientLog) Printf(ctx context.Context, format string, args ...any) {
	if l.log.Enabled(ctx, slog.LevelDebug) {
		l.log.DebugContext(ctx, fmt.Sprintf(format, args...))
	}
}
