package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/skipup/keys/models"
)

// remindEvery is how late a reminder may be.
const remindEvery = time.Minute

// keepReminding tells of the keys that expire soon, until ctx ends or stop is called. Stop waits
// for what is being told.
func keepReminding(ctx context.Context, store *models.Store, log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var working sync.WaitGroup
	working.Go(func() {
		tick := time.NewTicker(remindEvery)
		defer tick.Stop()
		for ctx.Err() == nil {
			if _, err := store.RemindOfExpiry(ctx); err != nil && ctx.Err() == nil {
				log.Error("remind of keys that expire", "error", err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	return func() { cancel(); working.Wait() }
}
