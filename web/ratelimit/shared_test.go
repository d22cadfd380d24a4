package ratelimit_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/ratelimit"
)

var quiet = slog.New(slog.DiscardHandler)

// promptly is how soon a decision must be made during an outage: ten times the timeout, because
// machines may be busy, and half of the connection's own timeout.
const promptly = 10 * ratelimit.CallTimeout

// logLines is a log that can be read while it is written.
type logLines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *logLines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(line)
}

// count returns the number of lines with a level.
func (l *logLines) count(level slog.Level) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.all.String(), "level="+level.String())
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// newShared returns a limiter with a long timeout, so that a busy machine doesn't look like an outage,
// and its log.
func newShared(t *testing.T, server *redisServer, policy ratelimit.Policy) (*ratelimit.Shared, *logLines) {
	t.Helper()
	lines := new(logLines)
	limiter := ratelimit.NewShared(server.client(t), "test:", policy, ratelimit.NewMemory(policy, time.Now), slog.New(slog.NewTextHandler(lines, nil)))
	limiter.SetTimeout(10 * time.Second)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the limiter:\n%s", lines)
		}
	})
	return limiter, lines
}

// TestLimiter checks the behavior that both limiters share.
func TestLimiter(t *testing.T) {
	both := map[string]func(t *testing.T) ratelimit.Limiter{
		"memory": func(t *testing.T) ratelimit.Limiter { return ratelimit.NewMemory(three, time.Now) },
		"redis": func(t *testing.T) ratelimit.Limiter {
			limiter, lines := newShared(t, newRedis(t), three)
			t.Cleanup(func() {
				if lines.count(slog.LevelWarn) != 0 {
					t.Error("limiter logged an outage of Redis")
				}
			})
			return limiter
		},
	}
	for name, newLimiter := range both {
		t.Run(name, func(t *testing.T) {
			limiter := newLimiter(t)
			take := func(who ratelimit.Subject, allowed bool, remaining int) {
				t.Helper()
				got := limiter.Take(ctx, who)
				if got.Allowed != allowed || got.Remaining != remaining {
					t.Errorf("Take() = %+v, want allowed = %v, remaining = %d", got, allowed, remaining)
				}
				if got.Reset <= 50*time.Second || got.Reset > time.Minute {
					t.Errorf("Reset = %v, want up to a minute", got.Reset)
				}
			}
			peek := func(who ratelimit.Subject, allowed bool, remaining int) {
				t.Helper()
				got := limiter.Peek(ctx, who)
				modelstest.Equal(t, "Allowed", got.Allowed, allowed)
				modelstest.Equal(t, "Remaining", got.Remaining, remaining)
				if got.Reset <= 50*time.Second {
					t.Errorf("Reset = %v, want up to a minute", got.Reset)
				}
			}
			ada, bob := subject(1), subject(2)
			peek(ada, true, 3)
			peek(ada, true, 3) // a peek is not counted
			take(ada, true, 2)
			take(ada, true, 1)
			take(bob, true, 2) // not affected by ada
			peek(ada, true, 1)
			take(ada, true, 0)
			for range 10 {
				take(ada, false, 0)
				peek(ada, false, 0)
			}
			take(bob, true, 1)
			if got := limiter.TakeUpTo(ctx, ada, 5); !got.Allowed || got.Remaining != 1 {
				t.Errorf("TakeUpTo() with a higher quota = %+v, want allowed with 1 remaining", got)
			}
			if got := limiter.TakeUpTo(ctx, bob, 1); got.Allowed || got.Remaining != 0 {
				t.Errorf("TakeUpTo() with a lower quota = %+v, want rejected with none remaining", got)
			}
			take(ada, false, 0)
		})
	}
}

func TestSharedAcrossNodes(t *testing.T) {
	server := newRedis(t)
	policy := ratelimit.Policy{Name: "default", Quota: 200, Window: time.Minute}
	var (
		all     sync.WaitGroup
		allowed atomic.Int64
	)
	for range 2 {
		node, lines := newShared(t, server, policy)
		for range 32 {
			all.Go(func() {
				for range 20 {
					if node.Take(ctx, subject(1)).Allowed {
						allowed.Add(1)
					}
				}
			})
		}
		defer func() {
			if lines.count(slog.LevelWarn) != 0 {
				t.Error("limiter logged an outage of Redis")
			}
		}()
	}
	all.Wait()
	if got := allowed.Load(); got != 200 {
		t.Errorf("allowed requests = %d, want 200", got)
	}
}

func TestSharedWindowEnds(t *testing.T) {
	const length = 400 * time.Millisecond
	limiter, _ := newShared(t, newRedis(t), ratelimit.Policy{Name: "default", Quota: 1, Window: length})
	begun := time.Now()
	if got := limiter.Take(ctx, subject(1)); !got.Allowed || got.Reset != length {
		t.Fatalf("first request: %+v", got)
	}
	rejected := 0
	for ; !limiter.Take(ctx, subject(1)).Allowed; time.Sleep(5 * time.Millisecond) {
		if rejected++; time.Since(begun) > 10*length {
			t.Fatal("window does not end")
		}
	}
	if lasted := time.Since(begun); lasted < length-2*time.Millisecond || rejected == 0 { // Redis counts whole milliseconds
		t.Errorf("window lasted %v and rejected %d requests", lasted, rejected)
	}
}

// TestSharedKeys checks the names and expiry of the keys in Redis.
func TestSharedKeys(t *testing.T) {
	server := newRedis(t)
	limiter, _ := newShared(t, server, three)
	client := server.client(t)
	who := ratelimit.Subject([]byte("\x00\x01\xfe\xff123456789abc"))
	key := "test:" + hex.EncodeToString(who[:])

	limiter.Peek(ctx, who)
	limiter.Take(ctx, who)
	limiter.Peek(ctx, subject(2))
	keys, err := client.Keys(ctx, "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{key}, keys); diff != "" {
		t.Errorf("keys in Redis (-want +got):\n%s", diff)
	}
	ends, err := client.PTTL(ctx, key).Result()
	if err != nil {
		t.Fatal(err)
	}
	if ends <= 0 || ends > time.Minute {
		t.Errorf("TTL of the window = %v, want up to a minute", ends)
	}

	if err := client.Set(ctx, key, 1000, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if got := limiter.Take(ctx, who); !got.Allowed || got.Reset != time.Minute {
		t.Errorf("Take() with a window without an end = %+v", got)
	}
	if ends, err := client.PTTL(ctx, key).Result(); err != nil || ends <= 0 {
		t.Errorf("TTL after Take() = %v, error = %v; want more than 0", ends, err)
	}
}

func TestCanceledRequestIsCounted(t *testing.T) {
	limiter, lines := newShared(t, newRedis(t), three)
	gone, leave := context.WithCancel(ctx)
	leave()
	limiter.Take(gone, subject(1))
	if got := limiter.Take(ctx, subject(1)).Remaining; got != 1 {
		t.Errorf("remaining = %d, want 1", got)
	}
	if lines.count(slog.LevelWarn) != 0 {
		t.Error("canceled request counts as an outage")
	}
}

// TestSharedDuringOutage checks that decisions stay fast and that the log has one line for the
// outage and one for the recovery.
func TestSharedDuringOutage(t *testing.T) {
	server := newRedis(t)
	limiter, lines := newShared(t, server, three)
	for outage := range 2 {
		who := subject(outage)
		limiter.Take(ctx, who)
		limiter.Take(ctx, who)
		server.kill()
		for want := 2; want >= 0; want-- {
			asked := time.Now()
			got := limiter.Take(ctx, who)
			if took := time.Since(asked); got.Remaining != want || took > promptly {
				t.Errorf("after %v: %+v, want %d remaining", took, got, want)
			}
		}
		if limiter.Take(ctx, who).Allowed {
			t.Error("Take() during an outage allows a request over the quota")
		}
		if limiter.Peek(ctx, who).Allowed {
			t.Error("Peek() during an outage allows a request over the quota")
		}
		if lines.count(slog.LevelWarn) != outage+1 || lines.count(slog.LevelInfo) != outage {
			t.Fatal("log does not have one warning for the outage")
		}

		server.start(t)
		awaitRedis(t, limiter, lines, outage+1)
		if got := limiter.Take(ctx, who).Remaining; got != 2 {
			t.Errorf("remaining in the new Redis = %d, want 2", got)
		}
	}
}

func TestRedisOutageUnderLoad(t *testing.T) {
	server := newRedis(t)
	limiter, lines := newShared(t, server, ratelimit.Policy{Name: "default", Quota: 1_000_000, Window: time.Minute})
	var (
		all     sync.WaitGroup
		slowest atomic.Int64
		enough  atomic.Bool
	)
	for range 64 {
		all.Go(func() {
			for !enough.Load() {
				asked := time.Now()
				limiter.Take(ctx, subject(1))
				took := int64(time.Since(asked))
				for known := slowest.Load(); took > known && !slowest.CompareAndSwap(known, took); known = slowest.Load() {
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	server.kill()
	time.Sleep(100 * time.Millisecond)
	enough.Store(true)
	all.Wait()
	if took := time.Duration(slowest.Load()); took > promptly {
		t.Errorf("slowest request took %v, want at most %v", took, promptly)
	} else {
		t.Logf("slowest request took %v", took)
	}
	if got := lines.count(slog.LevelWarn); got != 1 {
		t.Errorf("warnings = %d, want 1", got)
	}
	server.start(t)
	awaitRedis(t, limiter, lines, 1)
}

// awaitRedis makes requests until the log says for the nth time that Redis is back.
func awaitRedis(t *testing.T, limiter *ratelimit.Shared, lines *logLines, n int) {
	t.Helper()
	back := time.Now()
	for lines.count(slog.LevelInfo) < n {
		if limiter.Take(ctx, subject(-1)); time.Since(back) > 5*time.Second {
			t.Fatal("limiter does not call Redis again")
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("limiter called Redis again %v after its return", time.Since(back).Round(time.Millisecond))
}

func TestSharedPausesAfterTimeout(t *testing.T) {
	server := newRedis(t)
	now := time.Now()
	lines := new(logLines)
	policy := ratelimit.Policy{Name: "default", Quota: 1000, Window: time.Minute}
	limiter := ratelimit.NewShared(server.client(t), "test:", policy, ratelimit.NewMemory(policy, func() time.Time { return now }), slog.New(slog.NewTextHandler(lines, nil)))
	limiter.SetTimeout(10 * time.Second)
	limiter.Take(ctx, subject(1))
	limiter.SetTimeout(ratelimit.CallTimeout)

	if err := server.process.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		asked := time.Now()
		limiter.Take(ctx, subject(1))
		if took := time.Since(asked); took < ratelimit.CallTimeout || took > promptly {
			t.Errorf("first request took %v, want %v to %v", took, ratelimit.CallTimeout, promptly)
		}
		asked = time.Now()
		for range 100 {
			limiter.Take(ctx, subject(1))
			limiter.Peek(ctx, subject(1))
		}
		if took := time.Since(asked); took > ratelimit.CallTimeout {
			t.Errorf("200 more requests took %v, want at most %v", took, ratelimit.CallTimeout)
		}
		now = now.Add(time.Second)
	}

	if err := server.process.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	limiter.SetTimeout(10 * time.Second)
	limiter.Take(ctx, subject(2))
	if lines.count(slog.LevelWarn) != 1 || lines.count(slog.LevelInfo) != 1 {
		t.Errorf("log:\n%s", lines)
	}
}

func TestOneTrialPerPause(t *testing.T) {
	server := newRedis(t)
	now := time.Now()
	policy := ratelimit.Policy{Name: "default", Quota: 1000, Window: time.Minute}
	limiter := ratelimit.NewShared(server.client(t), "test:", policy, ratelimit.NewMemory(policy, func() time.Time { return now }), quiet)
	if err := server.process.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	limiter.Take(ctx, subject(1))
	now = now.Add(time.Second)
	limiter.SetTimeout(time.Second)
	var (
		all    sync.WaitGroup
		waited atomic.Int64
	)
	for range 32 {
		all.Go(func() {
			asked := time.Now()
			limiter.Take(ctx, subject(1))
			if time.Since(asked) >= time.Second {
				waited.Add(1)
			}
		})
	}
	all.Wait()
	if got := waited.Load(); got != 1 {
		t.Errorf("requests that waited = %d, want 1", got)
	}
}
