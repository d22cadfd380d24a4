package main

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
	"github.com/skipup/keys/web/mail/mailtest"
)

func TestServeRemindsOfExpiry(t *testing.T) {
	t.Parallel()
	sink := mailtest.New(t, mailtest.Options{})
	env := sqliteEnv(t)
	workspace := newWorkspace(t, env)
	store, err := models.Open(env["DATABASE_URL"], models.Options{Clock: func() time.Time { return time.Now().AddDate(0, -1, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	at := time.Now().Add(20 * time.Hour)
	if _, _, err := store.CreateAPIKey(t.Context(), workspace, models.NewAPIKey{Name: "CI", ExpiresAt: &at}); err != nil {
		t.Fatal(err)
	}
	env["SMTP_URL"], env["SKIPUP_MAIL_FROM"], env["SKIPUP_PUBLIC_URL"] = "smtp://"+sink.Address, "keys@acme.test", "https://keys.acme.test"
	serve(t, env)
	eventually(t, "no email was sent", func() bool { return len(sink.Received()) > 0 })
	if got := sink.Received()[0]; got.To != "admin@acme.test" {
		t.Errorf("recipient = %s, want admin@acme.test", got.To)
	}
}

// TestUsageThatIsNotStoredIsReported covers the start and the end of the problem.
func TestUsageThatIsNotStoredIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		conditions := web.NewConditions(web.NewMetrics(), log)
		var age atomic.Int64
		stop := startWorkers(t.Context(), usageWorker(func() time.Duration { return time.Duration(age.Load()) }, conditions, log))
		defer stop()
		for _, tt := range []struct {
			age      time.Duration
			problems int
		}{{0, 0}, {maxUsageAge, 0}, {maxUsageAge + 1, 1}, {time.Second, 0}} {
			age.Store(int64(tt.age))
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if got := len(conditions.Sentences()); got != tt.problems {
				t.Errorf("problems at an age of %v = %d, want %d", tt.age, got, tt.problems)
			}
		}
	})
}
