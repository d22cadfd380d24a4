package keyauth

import (
	"context"
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
