package keyauth

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/usage"
)

// TestFlushWhileRecording covers a shard whose first request arrives while it is collected.
func TestFlushWhileRecording(t *testing.T) {
	r := NewRecorder(&models.Store{}, nil, nil)
	var stored int64
	r.add = func(_ context.Context, counts usage.Counts) error {
		for i := range counts.Rows {
			stored += counts.Rows[i].Requests
		}
		return nil
	}
	const requests = 50_000
	var recorded atomic.Int64
	go func() {
		use := Use{Address: "192.0.2.7", UserAgent: "curl/8", At: time.Now()}
		for recorded.Load() < requests {
			r.Record(&use)
			recorded.Add(1)
		}
	}()
	for recorded.Load() < requests {
		r.Flush(t.Context())
	}
	r.Flush(t.Context())
	if stored != requests {
		t.Errorf("stored requests = %d, want %d", stored, requests)
	}
}

// TestManyKeysWhileNothingIsStored records 8,000 requests a second for 70 seconds, each with another key,
// while the database is unavailable. It gives up callers and routes, but no key's request or last use.
func TestManyKeysWhileNothingIsStored(t *testing.T) {
	r := NewRecorder(&models.Store{}, nil, nil)
	down := errors.New("not now")
	type stored struct {
		requests int64
		last     time.Time
	}
	byKey := map[string]stored{}
	callers := 0
	r.add = func(_ context.Context, counts usage.Counts) error {
		if down != nil {
			return down
		}
		for _, c := range counts.Rows {
			byKey[c.APIKeyID] = stored{byKey[c.APIKeyID].requests + c.Requests, c.Last}
			if !c.Caller.IsOthers() {
				callers++
			}
		}
		return nil
	}
	const perSecond, seconds = 8000, 70
	start := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
	for n := range perSecond * seconds {
		use := Use{Address: fmt.Sprint("address ", n), UserAgent: "curl/8", At: start.Add(time.Duration(n/perSecond) * time.Second)}
		binary.BigEndian.PutUint64(use.Key.id[8:], uint64(n))
		r.Record(&use)
		if n%(10*perSecond) == 0 {
			r.Flush(t.Context())
		}
	}
	names := 0
	for i := range r.shards {
		names += len(r.shards[i].callers)
	}
	if names > maxCounts {
		t.Errorf("callers in memory = %d, want at most %d", names, maxCounts)
	}
	down = nil
	r.Flush(t.Context())
	if len(byKey) != perSecond*seconds {
		t.Errorf("keys = %d, want %d", len(byKey), perSecond*seconds)
	}
	if callers > maxCounts {
		t.Errorf("counts with a caller = %d, want at most %d", callers, maxCounts)
	}
	wrong := 0
	for n := range perSecond * seconds {
		var id ulid.ULID
		binary.BigEndian.PutUint64(id[8:], uint64(n))
		if got := byKey[keyPrefix+id.String()]; got.requests != 1 || !got.last.Equal(start.Add(time.Duration(n/perSecond)*time.Second)) {
			wrong++
		}
	}
	if wrong > 0 {
		t.Errorf("keys with another number of requests or last use = %d, want 0", wrong)
	}
}

// TestStopDuringFlush stops a Recorder during a flush, which is no outage: the last flush sends the
// same counts again.
func TestStopDuringFlush(t *testing.T) {
	var (
		log     bytes.Buffer
		flushes []Flush
		sent    []string
	)
	ctx, stop := context.WithCancel(t.Context())
	r := NewRecorder(&models.Store{}, slog.New(slog.NewTextHandler(&log, nil)), func(f Flush) { flushes = append(flushes, f) })
	r.add = func(ctx context.Context, counts usage.Counts) error {
		if sent = append(sent, counts.ID); len(sent) > 1 {
			return nil
		}
		stop()
		<-ctx.Done()
		return ctx.Err()
	}
	r.Record(&Use{Address: "192.0.2.7", UserAgent: "curl/8", At: time.Now()})
	r.Run(ctx)
	if len(sent) != 2 || sent[0] != sent[1] {
		t.Errorf("IDs sent = %q, want the same twice", sent)
	}
	if log.Len() > 0 {
		t.Errorf("log = %s, want nothing", &log)
	}
	if len(flushes) != 1 || flushes[0].Err != nil {
		t.Errorf("flushes = %+v, want one success", flushes)
	}
}

// TestAgeIsThatOfUnstoredCounts stores counts at the second attempt while newer counts fail.
func TestAgeIsThatOfUnstoredCounts(t *testing.T) {
	r := NewRecorder(&models.Store{}, nil, nil)
	attempts := map[string]int{}
	r.add = func(_ context.Context, counts usage.Counts) error {
		if attempts[counts.ID]++; attempts[counts.ID] == 1 {
			return errors.New("not now")
		}
		return nil
	}
	r.stored.Store(time.Now().Add(-time.Hour).UnixNano())
	for range 2 {
		r.Record(&Use{Address: "192.0.2.7", UserAgent: "curl/8", At: time.Now()})
		r.Flush(t.Context())
	}
	if len(attempts) != 2 {
		t.Errorf("transactions = %d, want 2", len(attempts))
	}
	if age := r.Age(); age > time.Minute {
		t.Errorf("age = %v, want that of the second flush", age)
	}
}

// TestUnstoredCountsAreReported stops a Recorder that cannot store its counts.
func TestUnstoredCountsAreReported(t *testing.T) {
	var lost int64
	r := NewRecorder(&models.Store{}, nil, func(f Flush) { lost += f.Lost })
	r.add = func(context.Context, usage.Counts) error { return errors.New("not now") }
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for range 3 {
		r.Record(&Use{Address: "192.0.2.7", UserAgent: "curl/8", At: time.Now()})
	}
	r.Run(ctx)
	if lost != 3 {
		t.Errorf("lost requests = %d, want 3", lost)
	}
}

// TestLargeFlushesAreLessFrequent checks the time until the next flush, and that pages leave large
// flushes alone.
func TestLargeFlushesAreLessFrequent(t *testing.T) {
	r := NewRecorder(&models.Store{}, nil, nil)
	for rows, want := range map[int]time.Duration{0: time.Second, 200: time.Second, 1000: 5 * time.Second, 100_000: 10 * time.Second} {
		if got := r.Interval(rows); got != want {
			t.Errorf("interval after %d rows = %v, want %v", rows, got, want)
		}
	}
	stored := 0
	r.add = func(context.Context, usage.Counts) error { stored++; return nil }
	record := func() { r.Record(&Use{Address: "192.0.2.7", UserAgent: "curl/8", At: time.Now()}) }
	record()
	r.FlushSmall(t.Context())
	if stored != 1 {
		t.Errorf("transactions = %d, want 1", stored)
	}
	r.size = 2000
	record()
	r.FlushSmall(t.Context())
	if stored != 1 {
		t.Errorf("transactions after a large flush = %d, want 1", stored)
	}
}
