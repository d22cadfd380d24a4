package models_test

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/usage"
)

func TestRejectedAfterDeletionIsPublishedOnceADay(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, paused := s.key(t, "CI"), s.key(t, "Paused")
		s.calls(t, key, 0, "GET /me", "", usage.Accepted)
		s.delete(t, key)
		s.calls(t, paused, 0, "GET /me", "", usage.RejectedPaused)
		want := func(when string, events int64) {
			t.Helper()
			modelstest.Equal(t, when, s.published(t, models.APIKeyRejectedAfterDeletionEvent), events)
		}
		want("before a rejected request", 0)

		// Several nodes report the first requests at the same time.
		var nodes sync.WaitGroup
		for _, route := range []string{"GET /me", "GET /seats", "GET /members", ""} {
			node, counts := s.Another(t), countsOf(use{key, s.Now(), "192.0.2.7", "curl/8", route})
			counts.Rows[0].Rejection = usage.RejectedDeleted
			nodes.Go(func() {
				for range 2 { // as after a lost response
					if err := node.AddUsage(t.Context(), counts); err != nil {
						t.Error(err)
					}
				}
			})
		}
		nodes.Wait()
		want("after the first requests", 1)
		s.calls(t, key, 0, "GET /me", "", usage.RejectedDeleted)
		want("later that day", 1)
		s.Clock.Advance(24 * time.Hour)
		s.calls(t, key, 0, "GET /me", "", usage.RejectedDeleted)
		s.calls(t, key, 0, "GET /me", "", usage.RejectedDeleted)
		want("the day after", 2)

		var event models.Event
		if err := s.DB().Where("type = ?", models.APIKeyRejectedAfterDeletionEvent).Take(&event).Error; err != nil {
			t.Fatal(err)
		}
		var data struct{ ID, State string }
		if err := json.Unmarshal([]byte(event.Data), &data); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "key", data.ID, key.ID)
		modelstest.Equal(t, "state", data.State, string(models.KeyDeleted))
	})
}
