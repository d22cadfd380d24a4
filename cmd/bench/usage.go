package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/keyauth"
)

var quiet = slog.New(slog.DiscardHandler)

// usagePerSecond is about the throughput of the gate on one core.
const usagePerSecond = 20_000

// measureUsage prints the processor time that it takes to count requests at the throughput of the gate
// and to store the counts.
func measureUsage(ctx context.Context, p plan) error {
	if !p.includes("usage") {
		return nil
	}
	fmt.Printf("\nUsage of %d requests a second\n", usagePerSecond)
	return onEachDatabase(func(name, address string) (err error) {
		store, workspaceID, err := newStore(ctx, address)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		for _, tt := range []struct {
			keys   int
			atMost float64 // of a core
		}{{1_000, 0.02}, {10_000, 0.05}} {
			verified, err := createKeys(ctx, store, workspaceID, tt.keys)
			if err != nil {
				return err
			}
			if err := measureRecorder(ctx, name, store, verified, tt.atMost); err != nil {
				return err
			}
		}
		return nil
	})
}

// measureRecorder records requests with the keys in rotation for four times the longest interval between
// flushes.
func measureRecorder(ctx context.Context, name string, store *models.Store, keys []keyauth.Key, atMost float64) error {
	var flushes []keyauth.Flush
	recorder := keyauth.NewRecorder(store, quiet, func(f keyauth.Flush) { flushes = append(flushes, f) })
	route := recorder.Route("GET /me", "members.read")
	record := func(n int) {
		recorder.Record(&keyauth.Use{Key: keys[n%len(keys)], Route: route, Status: 200, Address: "192.0.2.7", UserAgent: "bench/1", At: time.Now()})
	}
	for n := range keys { // the first use of each key is not measured
		record(n)
	}
	recorder.Flush(ctx)
	flushes = nil
	const rounds = 4
	interval := recorder.Interval(len(keys))
	before := processorTime()
	for range rounds {
		for n := range int(usagePerSecond * interval.Seconds()) {
			record(n)
		}
		recorder.Flush(ctx)
	}
	took := processorTime() - before
	var longest time.Duration
	for _, flush := range flushes {
		if flush.Err != nil {
			return flush.Err
		}
		longest = max(longest, flush.Took)
	}
	part, verdict := took.Seconds()/(rounds*interval.Seconds()), "ok"
	if part > atMost {
		verdict = "MISSED"
	}
	fmt.Printf("  %-10s %6d keys, stored every %v: %.1f%% of a core, goal at most %.0f%% (%s); %.1f µs for each key, transactions of up to %v\n",
		name, len(keys), interval, 100*part, 100*atMost, verdict, took.Seconds()*1e6/float64(rounds*len(keys)), longest.Round(time.Millisecond))
	return nil
}

func processorTime() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used) // cannot fail for the process itself
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func createKeys(ctx context.Context, store *models.Store, workspaceID string, count int) ([]keyauth.Key, error) {
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
