package keyauth

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skipup/keys/models"
)

// TestAnIdleShardIsNotTakenTwice: its first request may come just while it is looked at.
func TestAnIdleShardIsNotTakenTwice(t *testing.T) {
	r := NewRecorder(&models.Store{}, nil, nil)
	var stored int64
	r.append = func(_ context.Context, batch models.UsageBatch) error {
		for i := range batch.Tallies {
			stored += batch.Tallies[i].Requests
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
		t.Errorf("%d requests are stored, want %d", stored, requests)
	}
}

// TestToBeStoppedIsNoOutage: a flush that is under way then is broken off and sent again, and a
// fold is begun again. Neither is an error.
func TestToBeStoppedIsNoOutage(t *testing.T) {
	var (
		log     bytes.Buffer
		flushes []Flush
		stored  []string
	)
	ctx, stop := context.WithCancel(t.Context())
	r := NewRecorder(&models.Store{}, slog.New(slog.NewTextHandler(&log, nil)), func(f Flush) { flushes = append(flushes, f) })
	r.append = func(ctx context.Context, batch models.UsageBatch) error {
		if stored = append(stored, batch.ID); len(stored) > 1 {
			return nil
		}
		stop()
		<-ctx.Done()
		return ctx.Err()
	}
	folds := 0
	r.fold = func(ctx context.Context) error {
		folds++
		return ctx.Err()
	}
	r.Record(&Use{Address: "192.0.2.7", UserAgent: "curl/8", At: time.Now()})
	r.Run(ctx)
	r.foldAll(ctx) // as if it had been stopped in a fold
	if len(stored) != 2 || stored[0] != stored[1] || folds != 2 {
		t.Errorf("stored are %q, with %d folds", stored, folds)
	}
	if log.Len() > 0 || len(flushes) != 1 || flushes[0].Err != nil {
		t.Errorf("it is told of as %+v, and in the log: %s", flushes, &log)
	}
}

// TestTheAgeIsOfWhatIsNotStored: a batch that is stored at the second attempt is stored, whatever
// becomes of the next one.
func TestTheAgeIsOfWhatIsNotStored(t *testing.T) {
	r := NewRecorder(&models.Store{}, nil, nil)
	attempts := map[string]int{}
	r.append = func(_ context.Context, batch models.UsageBatch) error {
		if attempts[batch.ID]++; attempts[batch.ID] == 1 {
			return errors.New("not now")
		}
		return nil
	}
	r.stored.Store(time.Now().Add(-time.Hour).UnixNano())
	for range 2 {
		r.Record(&Use{Address: "192.0.2.7", UserAgent: "curl/8", At: time.Now()})
		r.Flush(t.Context())
	}
	if age := r.Age(); len(attempts) != 2 || age > time.Minute {
		t.Errorf("the age is %v after %d batches", age, len(attempts))
	}
}
