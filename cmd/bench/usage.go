package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/keyauth"
)

var quiet = slog.New(slog.DiscardHandler)

// measureUsage prints what it costs to store the usage of 20,000 requests a second with 1,000
// keys. What counting a request costs is BenchmarkRecord's to say.
func measureUsage(ctx context.Context, p plan) error {
	const perSecond, keys, seconds = 20_000, 1_000, 30 // a node folds twice a minute
	if !p.includes("usage") {
		return nil
	}
	fmt.Printf("\nUsage of %d requests a second with %d keys, stored once a second, %d times\n", perSecond, keys, seconds)
	return onEachDatabase(func(name, address string) (err error) {
		store, workspaceID, err := newStore(ctx, address)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		verified, err := makeKeys(ctx, store, workspaceID, keys)
		if err != nil {
			return err
		}
		var flushes []keyauth.Flush
		recorder := keyauth.NewRecorder(store, quiet, func(f keyauth.Flush) { flushes = append(flushes, f) })
		route := recorder.Route("GET /me", "")
		for range seconds {
			for i := range perSecond {
				recorder.Record(&keyauth.Use{Key: verified[i%keys], Route: route, Status: 200, Address: "192.0.2.7", UserAgent: "bench/1", At: time.Now()})
			}
			recorder.Flush(ctx)
		}
		var took []float64
		for _, flush := range flushes {
			if flush.Err != nil {
				return flush.Err
			}
			took = append(took, flush.Took.Seconds())
		}
		start := time.Now()
		if err := store.FoldUsage(ctx); err != nil {
			return err
		}
		folded := time.Since(start)
		const rows = 5 * keys // of each key one by hour, by day, by route and by caller, and the key's own
		fmt.Printf("  %-10s one row of %d tallies a second, in %v (median); all %d folded into %d rows in %v, %.0f rows a second\n", name, flushes[0].Tallies,
			time.Duration(middle(took)*float64(time.Second)).Round(100*time.Microsecond), seconds, rows, folded.Round(time.Millisecond), rows/folded.Seconds())
		return nil
	})
}

func makeKeys(ctx context.Context, store *models.Store, workspaceID string, count int) ([]keyauth.Key, error) {
	verifier := keyauth.New(store, keyauth.Options{})
	keys := make([]keyauth.Key, count)
	for i := range keys {
		_, secret, err := store.CreateAPIKey(ctx, workspaceID, models.NewAPIKey{Name: "Bench"})
		if err != nil {
			return nil, err
		}
		if keys[i], err = verifier.Verify(ctx, []string{"Bearer " + secret.Reveal()}); err != nil {
			return nil, err
		}
	}
	return keys, nil
}
