package webhook_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/webhook"
)

// TestRecoveredReceiverGetsEverythingAtOnce covers a receiver that returns errors for an hour.
func TestRecoveredReceiverGetsEverythingAtOnce(t *testing.T) {
	const missed = 100
	each(t, func(t *testing.T, f fixture) {
		var up atomic.Bool
		r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
			if !up.Load() {
				w.WriteHeader(http.StatusInternalServerError)
			}
			time.Sleep(time.Millisecond) // so that requests overlap
		})
		endpoint, _ := f.endpoint(t, r.URL)
		f.work(t, local)
		f.events(t, missed)
		for attempts, wait := range []time.Duration{0, 6 * time.Second, 6 * time.Minute, 54 * time.Minute} {
			f.Clock.Advance(wait)
			await(t, "every delivery was attempted again", func() bool { return len(r.all()) == missed*(attempts+1) })
			await(t, "every attempt is recorded", func() bool {
				backlog, err := f.WebhookBacklog(t.Context())
				return err == nil && backlog.Due == 0 && f.recorded(t, endpoint.ID, attempts+1) == missed
			})
		}
		before := len(r.all())
		up.Store(true)
		f.events(t, 1)
		await(t, "everything has arrived", func() bool { return len(r.all()) == before+missed+1 })
		await(t, "nothing waits", func() bool {
			backlog, err := f.WebhookBacklog(t.Context())
			return err == nil && backlog.Waiting == 0
		})
		modelstest.Equal(t, "deliveries that arrived", len(r.ids()), missed+1)
		if r.mostOnce > 32 {
			t.Errorf("concurrent requests = %d, want at most 32", r.mostOnce)
		}
	})
}

// TestSkewedNodesSendOnce runs workers of three nodes whose clocks are minutes apart, with a slow receiver.
func TestSkewedNodesSendOnce(t *testing.T) {
	const events = 60
	each(t, func(t *testing.T, f fixture) {
		r := newReceiver(t, func(http.ResponseWriter, *http.Request) { time.Sleep(300 * time.Millisecond) })
		f.endpoint(t, r.URL)
		for _, skew := range []time.Duration{-300 * time.Second, 0, 300 * time.Second} {
			node := fixture{f.Skewed(t, skew), f.workspace}
			node.work(t, webhook.Options{AllowPrivate: true})
			node.events(t, events/3)
		}
		right := f.Skewed(t, 0)
		await(t, "everything is delivered", func() bool {
			backlog, err := right.WebhookBacklog(t.Context())
			return err == nil && backlog.Waiting == 0
		})
		modelstest.Equal(t, "deliveries that arrived", len(r.ids()), events)
		modelstest.Equal(t, "requests", len(r.all()), events)
	})
}
