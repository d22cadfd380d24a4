package ratelimit_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skipup/keys/web/ratelimit"
)

var ctx = context.Background()

// three lets three requests through in a minute.
var three = ratelimit.Policy{Name: "default", Quota: 3, Window: time.Minute}

// subject returns the nth subject.
func subject(n int) ratelimit.Subject {
	var s ratelimit.Subject
	binary.BigEndian.PutUint64(s[8:], uint64(n))
	return s
}

func TestWindowBeginsWithFirstRequest(t *testing.T) {
	now := time.Now()
	limiter := ratelimit.NewMemory(three, func() time.Time { return now })
	steps := []struct {
		after     time.Duration
		allowed   bool
		remaining int
		reset     time.Duration
	}{
		{13 * time.Second, true, 2, time.Minute},
		{20 * time.Second, true, 1, 40 * time.Second},
		{0, true, 0, 40 * time.Second},
		{0, false, 0, 40 * time.Second},
		{39 * time.Second, false, 0, time.Second}, // rejected requests don't extend it
		{time.Second - 1, false, 0, 1},
		{1, true, 2, time.Minute},
		{25 * time.Minute, true, 2, time.Minute},
		{59 * time.Second, true, 1, time.Second},
	}
	for i, step := range steps {
		now = now.Add(step.after)
		want := ratelimit.Decision{Allowed: step.allowed, Remaining: step.remaining, Reset: step.reset}
		if got := limiter.Take(ctx, subject(1)); got != want {
			t.Errorf("step %d: got %+v, want %+v", i, got, want)
		}
	}
}

func TestTakeUpTo(t *testing.T) {
	now := time.Now()
	limiter := ratelimit.NewMemory(three, func() time.Time { return now })
	for i, step := range []struct {
		quota     int
		allowed   bool
		remaining int
	}{{5, true, 4}, {5, true, 3}, {5, true, 2}, {5, true, 1}, {3, false, 0}, {5, true, 0}, {5, false, 0}, {6, true, 0}} {
		want := ratelimit.Decision{Allowed: step.allowed, Remaining: step.remaining, Reset: time.Minute}
		if got := limiter.TakeUpTo(ctx, subject(1), step.quota); got != want {
			t.Errorf("step %d: got %+v, want %+v", i, got, want)
		}
	}
	if limiter.Take(ctx, subject(1)).Allowed {
		t.Error("a request over the quota of the policy was allowed")
	}
}

func TestMemoryMatchesModel(t *testing.T) {
	now := time.Now()
	limiter := ratelimit.NewMemory(three, func() time.Time { return now })
	random := rand.New(rand.NewPCG(1, 2))
	type window struct {
		over  time.Time
		count int
	}
	rule := map[ratelimit.Subject]window{}
	for i := range 300_000 {
		if random.IntN(10) == 0 {
			now = now.Add(time.Duration(random.Int64N(int64(3 * time.Second))))
		}
		if random.IntN(5000) == 0 {
			now = now.Add(time.Duration(random.Int64N(int64(5 * time.Minute))))
		}
		who := subject(random.IntN(300))
		w := rule[who]
		if random.IntN(4) == 0 {
			want := ratelimit.Decision{Allowed: true, Remaining: three.Quota, Reset: three.Window}
			if now.Before(w.over) {
				want = ratelimit.Decision{Allowed: w.count < three.Quota, Remaining: three.Quota - w.count, Reset: w.over.Sub(now)}
			}
			if got := limiter.Peek(ctx, who); got != want {
				t.Fatalf("request %d: peek says %+v, want %+v", i, got, want)
			}
			continue
		}
		if !now.Before(w.over) {
			w = window{over: now.Add(three.Window)}
		}
		want := ratelimit.Decision{Allowed: w.count < three.Quota, Reset: w.over.Sub(now)}
		if want.Allowed {
			w.count++
		}
		want.Remaining = three.Quota - w.count
		rule[who] = w
		if got := limiter.Take(ctx, who); got != want {
			t.Fatalf("request %d: got %+v, want %+v", i, got, want)
		}
	}
}

func TestAddressSubject(t *testing.T) {
	tests := []struct {
		name, a, b string
		same       bool
	}{
		{"IPv4 by itself", "203.0.113.9", "203.0.113.10", false},
		{"IPv4 written as IPv6", "203.0.113.9", "::ffff:203.0.113.9", true},
		{"one network of IPv6", "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true},
		{"two networks of IPv6", "2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"two zones", "fe80::1%eth0", "fe80::1%eth1", true},
		{"IPv4 with a zone", "::ffff:203.0.113.9%eth0", "203.0.113.9", true},
		{"unreadable", "", "", true},
		{"unreadable and readable", "", "0.0.0.0", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, _ := netip.ParseAddr(tt.a)
			b, _ := netip.ParseAddr(tt.b)
			if same := ratelimit.AddressSubject(a) == ratelimit.AddressSubject(b); same != tt.same {
				t.Errorf("counted together: %v, want %v", same, tt.same)
			}
		})
	}
	if got := ratelimit.AddressSubject(netip.Addr{}); got != (ratelimit.Subject{}) {
		t.Errorf("subject of the zero Addr = %x, want zero", got)
	}
}

// TestFullMemory checks that known subjects keep their windows, new ones share one, and space
// becomes available after a window.
func TestFullMemory(t *testing.T) {
	const limit = 512
	now := time.Now()
	limiter := ratelimit.NewMemory(three, func() time.Time { return now })
	limiter.LimitSubjects(limit)
	if got := limiter.Take(ctx, subject(0)).Remaining; got != 2 {
		t.Fatalf("remaining for the first subject = %d, want 2", got)
	}
	allowed := 0
	for n := 1; n < 20*limit; n++ {
		if limiter.Take(ctx, subject(n)).Allowed {
			allowed++
		}
	}
	if known := limiter.Subjects(); known > limit {
		t.Errorf("subjects = %d, want at most %d", known, limit)
	}
	if want := limiter.Subjects() - 1 + three.Quota; allowed != want {
		t.Errorf("%d are let through, want %d: each that is known, and a quota for all others", allowed, want)
	}
	newcomer := 20 * limit
	if got := limiter.Take(ctx, subject(newcomer)); got.Allowed || got.Reset != time.Minute {
		t.Errorf("decision for a new subject = %+v", got)
	}
	if got := limiter.Take(ctx, subject(0)).Remaining; got != 1 {
		t.Errorf("remaining for the first subject = %d, want 1", got)
	}
	if limiter.Peek(ctx, subject(newcomer+1)).Allowed {
		t.Error("Peek() allows a request of a new subject")
	}

	now = now.Add(time.Minute)
	for n := range three.Quota {
		for want := 2; want >= 0; want-- {
			if got := limiter.Take(ctx, subject(newcomer+n)).Remaining; got != want {
				t.Errorf("a window later %d remain for newcomer %d, want %d", got, n, want)
			}
		}
	}
}

func TestMemoryRemovesEndedWindows(t *testing.T) {
	now := time.Now()
	limiter := ratelimit.NewMemory(three, func() time.Time { return now })
	const visitors = 10_000
	next := 0
	for range 6 {
		for range visitors {
			limiter.Take(ctx, subject(next))
			next++
		}
		now = now.Add(time.Minute)
	}
	if known := limiter.Subjects(); known > 2*visitors {
		t.Errorf("subjects = %d of %d, want at most %d", known, next, 2*visitors)
	}
	now = now.Add(time.Hour)
	for range visitors {
		limiter.Take(ctx, subject(next))
		next++
	}
	if known := limiter.Subjects(); known != visitors {
		t.Errorf("an hour later it knows %d subjects, want %d", known, visitors)
	}
}

func TestConcurrentRequestsStayWithinQuota(t *testing.T) {
	limiter := ratelimit.NewMemory(ratelimit.Policy{Quota: 1000, Window: time.Hour}, time.Now)
	var (
		all     sync.WaitGroup
		allowed atomic.Int64
	)
	one := subject(-1)
	for range 64 {
		all.Go(func() {
			for n := range 500 { // with as many others beside it
				if limiter.Take(ctx, one).Allowed {
					allowed.Add(1)
				}
				limiter.Take(ctx, subject(n))
				limiter.Peek(ctx, subject(n+1))
			}
		})
	}
	all.Wait()
	if got := allowed.Load(); got != 1000 {
		t.Errorf("allowed requests = %d, want 1000", got)
	}
}

func TestTakeDoesNotAllocate(t *testing.T) {
	limiter := ratelimit.NewMemory(three, time.Now)
	who := subject(1)
	limiter.Take(ctx, who)
	if allocations := testing.AllocsPerRun(1000, func() { limiter.Take(ctx, who); limiter.Peek(ctx, who) }); allocations != 0 {
		t.Errorf("allocations = %v, want 0", allocations)
	}
}

func BenchmarkTake(b *testing.B) {
	limiter := ratelimit.NewMemory(ratelimit.Policy{Quota: 120, Window: time.Minute}, time.Now)
	const known = 10_000
	for n := range known {
		limiter.Take(ctx, subject(n))
	}
	b.Run("known", func(b *testing.B) {
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			limiter.Take(ctx, subject(n%known))
		}
	})
	b.Run("known-parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for n := rand.IntN(known); pb.Next(); n++ {
				limiter.Take(ctx, subject(n%known))
			}
		})
	})
	b.Run("one-parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				limiter.Take(ctx, subject(1))
			}
		})
	})
}
