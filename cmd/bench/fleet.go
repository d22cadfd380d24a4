package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/keyauth"
)

const (
	// fleetStores is the number of Stores that the nodes share. Each has 4 connections for polls and one
	// that listens, as if a pooler gave all nodes 50 connections.
	fleetStores = 10
	// fleetIdle is how long the nodes are observed while no key changes.
	fleetIdle = 10 * time.Second
	// fleetDeletions and fleetTime limit the deletions with a number of nodes.
	fleetDeletions = 100
	fleetTime      = 20 * time.Second
)

// measureFleet prints what many nodes cost one PostgreSQL, and how long deletions take with them. The nodes
// run the real code for polls and acknowledgments, in this process.
func measureFleet(ctx context.Context, p plan) error {
	if !p.includes("nodes") {
		return nil
	}
	url, ok := databases("")["PostgreSQL"]
	if !ok {
		fmt.Println("\nNodes skipped: PGHOST is not set")
		return nil
	}
	fmt.Printf("\nNodes that share %d connections to PostgreSQL for polls, and up to %d deletions, one after the other\n", 4*fleetStores, fleetDeletions)
	for _, size := range []struct {
		nodes    int
		notified bool
	}{{1, true}, {10, true}, {100, true}, {1000, true}, {1000, false}} {
		if err := measureNodes(ctx, url, size.nodes, size.notified); err != nil {
			return fmt.Errorf("%d nodes: %w", size.nodes, err)
		}
	}
	return nil
}

// measureNodes prints the load while no key changes, and then that of deletions and their duration.
func measureNodes(ctx context.Context, url string, count int, notified bool) error {
	f, err := startFleet(ctx, url, count, notified)
	if err != nil {
		return err
	}
	defer f.stop()
	idle, err := f.observe(ctx, func() error { return sleep(ctx, fleetIdle) })
	if err != nil {
		return err
	}
	var times []time.Duration
	busy, err := f.observe(ctx, func() error {
		times, err = f.deleteKeys(ctx)
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(times)
	how := "notified"
	if !notified {
		how = "polling only"
	}
	fmt.Printf("  %4d nodes, %-12s  no changes: %5.1f polls per second, PostgreSQL %.1f%% of a core (%.3f%% per node)\n", count, how, idle.polls, 100*idle.core, 100*idle.core/float64(count))
	fmt.Printf("  %26s %3d deletions: p50 %v, p99 %v, %.0f polls and %.0f writes per second, PostgreSQL %.0f%% of a core, %d polls failed\n", "", len(times),
		times[len(times)/2].Round(100*time.Microsecond), times[len(times)*99/100].Round(100*time.Microsecond), busy.polls, busy.writes, 100*busy.core, idle.failed+busy.failed)
	return nil
}

// fleet is many nodes that share a few Stores.
type fleet struct {
	nodes     // without handlers
	verifiers []*keyauth.Verifier
	listening []*models.Store

	polls, writes, failed atomic.Int64
}

// member is the source of one node: a Store that it shares with others, with hints of its own.
type member struct {
	*models.Store
	fleet *fleet
	hints chan struct{}
}

func (m *member) ListenForKeyChanges(context.Context) {} // each Store listens once
func (m *member) KeyChangeHints() <-chan struct{}     { return m.hints }

func (m *member) KeyChanges(ctx context.Context, nodeID string, known models.KeyState) (models.KeyChanges, error) {
	m.fleet.polls.Add(1)
	return m.Store.KeyChanges(ctx, nodeID, known)
}

func (m *member) AcknowledgeKeyChanges(ctx context.Context, nodeID string, state models.KeyState) error {
	m.fleet.writes.Add(1)
	return m.Store.AcknowledgeKeyChanges(ctx, nodeID, state)
}

// startFleet starts nodes and waits until all may verify keys from memory. If they aren't notified of changes,
// as through a pooler in transaction mode, they only poll.
func startFleet(ctx context.Context, url string, count int, notified bool) (*fleet, error) {
	store, workspace, err := newStore(ctx, url)
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	stores := []*models.Store{store}
	f := &fleet{nodes: nodes{store: store, workspace: workspace, stop: func() {
		cancel()
		work.Wait()
		for _, s := range stores {
			_ = s.Close()
		}
	}}}
	for n := range min(count, fleetStores) {
		shared, err := models.Open(url, models.Options{})
		if err != nil {
			f.stop()
			return nil, err
		}
		stores = append(stores, shared)
		var members []*member
		for i := n; i < count; i += fleetStores {
			m := &member{shared, f, make(chan struct{}, 1)}
			members = append(members, m)
			verifier := keyauth.New(m, keyauth.Options{
				CacheSize: 1000 * keyauth.BytesPerKey, Node: models.NewNode{Name: fmt.Sprint("node-", i), StartedAt: time.Now()}, Observe: f.observePoll,
			})
			f.verifiers = append(f.verifiers, verifier)
			work.Go(func() { verifier.Run(running) })
		}
		if notified {
			f.listening = append(f.listening, shared)
			work.Go(func() { shared.ListenForKeyChanges(running) })
			work.Go(func() { spread(running, shared, members) })
		}
	}
	if err := f.awaitReady(ctx); err != nil {
		f.stop()
		return nil, err
	}
	return f, nil
}

// observePoll counts a poll that failed, such as one that waited too long for a connection.
func (f *fleet) observePoll(err error) {
	if err != nil {
		f.failed.Add(1)
	}
}

// spread passes the hints of a Store on to the nodes that share it.
func spread(ctx context.Context, s *models.Store, members []*member) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.KeyChangeHints():
		}
		for _, m := range members {
			select {
			case m.hints <- struct{}{}:
			default: // there is one already
			}
		}
	}
}

// awaitReady waits until every node holds a lease, and every Store that listens is notified.
func (f *fleet) awaitReady(ctx context.Context) error {
	var ready []func() bool
	for _, v := range f.verifiers {
		ready = append(ready, v.Ready)
	}
	for _, s := range f.listening {
		ready = append(ready, s.HintsArrive)
	}
	for _, isReady := range ready {
		for !isReady() {
			if err := sleep(ctx, 10*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

// deleteKeys returns the time of each deletion.
func (f *fleet) deleteKeys(ctx context.Context) (times []time.Duration, err error) {
	for start := time.Now(); len(times) < fleetDeletions && time.Since(start) < fleetTime; {
		took, err := f.deleteOne(ctx)
		if err != nil {
			return nil, err
		}
		times = append(times, took)
	}
	return times, nil
}

// load is what nodes did per second, and the part of a core that PostgreSQL used.
type load struct {
	polls, writes, core float64
	failed              int64
}

// observe returns the load while fn runs.
func (f *fleet) observe(ctx context.Context, fn func() error) (load, error) {
	before, err := clusterTime(ctx)
	if err != nil {
		return load{}, err
	}
	start, polls, writes, failed := time.Now(), f.polls.Load(), f.writes.Load(), f.failed.Load()
	if err := fn(); err != nil {
		return load{}, err
	}
	seconds := time.Since(start).Seconds()
	after, err := clusterTime(ctx)
	return load{
		float64(f.polls.Load()-polls) / seconds, float64(f.writes.Load()-writes) / seconds,
		(after - before).Seconds() / seconds, f.failed.Load() - failed,
	}, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
