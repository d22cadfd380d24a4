package keyauth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/ratelimit"
)

const (
	// openTimeout is how long Open waits for a source that is unavailable, for example because it starts
	// at the same time.
	openTimeout = 5 * time.Second
	// openInterval is the time between attempts.
	openInterval = 250 * time.Millisecond
)

// DefaultGuessPolicy limits the requests with invalid keys from each IP address, unless GateOptions say
// otherwise.
var DefaultGuessPolicy = ratelimit.Policy{Name: "guess", Quota: 60, Window: time.Minute}

// Open registers this process as a node that verifies the keys in source, and returns a Gate that is ready.
// The source is the database, opened with models.Open, or a SkipUp server. Open waits a few seconds for a
// source that is unavailable. Its error says what to do.
//
// The Gate works until Close, even if ctx is done before.
func Open(ctx context.Context, source Source, options ...func(*GateOptions)) (*Gate, error) {
	if pointer := reflect.ValueOf(source); source == nil || pointer.Kind() == reflect.Pointer && pointer.IsNil() {
		return nil, errors.New("keyauth: the source is nil; pass the result of models.Open, after you have checked its error")
	}
	g, err := newNode(source, options)
	if err != nil {
		return nil, err
	}
	if err := g.awaitSource(ctx); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	g.stop = stop
	g.running.Go(func() { g.Run(running) })
	return g, nil
}

// newNode returns a Gate with the default options of a service.
func newNode(source Source, configure []func(*GateOptions)) (*Gate, error) {
	options := GateOptions{
		Options: Options{Node: models.NewNode{Version: moduleVersion(), StartedAt: time.Now()}},
		Limits:  Limits{Addresses: ratelimit.NewMemory(DefaultGuessPolicy, time.Now)},
	}
	if host, err := os.Hostname(); err == nil && models.CheckNodeName(host) == nil {
		options.Node.Name = host
	} else {
		options.Node.Name = "service"
	}
	for _, set := range configure {
		set(&options)
	}
	if err := models.CheckNodeName(options.Node.Name); err != nil {
		return nil, fmt.Errorf("keyauth: GateOptions.Node.Name: %w", err)
	}
	return NewGate(source, options), nil
}

// moduleVersion returns the version of this module in the program.
func moduleVersion() string {
	const module = "github.com/skipup/keys"
	info, known := debug.ReadBuildInfo()
	if !known {
		return "unknown"
	}
	for _, dependency := range append(info.Deps, &info.Main) {
		if dependency.Path == module && dependency.Version != "" {
			return dependency.Version
		}
	}
	return "unknown"
}

// awaitSource returns once the node is registered and holds a lease.
func (g *Gate) awaitSource(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	for {
		err := g.verifier.Poll(ctx)
		if err == nil {
			return nil
		}
		if !models.IsUnavailable(err) && !isUnavailable(err) {
			return explainOpen(err)
		}
		select {
		case <-time.After(openInterval):
		case <-ctx.Done():
			return explainOpen(err)
		}
	}
}

// explainOpen returns an error that says why a source can't be used, and what to do.
func explainOpen(err error) error {
	switch {
	case models.IsUnmigrated(err):
		return fmt.Errorf("keyauth: the database has no tables of this version; check its URL, and run skipup migrate: %w", err)
	case models.IsUnavailable(err), isUnavailable(err):
		return fmt.Errorf("keyauth: can't reach the source of keys; check its URL, that it runs, and that this machine may connect to it: %w", err)
	}
	return fmt.Errorf("keyauth: can't use the source of keys: %w", err)
}

// Close stores the remaining usage counts and removes this process from the nodes. Call it after the last
// request. If ctx is done first, the counts of the last seconds may be lost.
func (g *Gate) Close(ctx context.Context) error {
	g.stop()
	done := make(chan struct{})
	go func() { g.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("keyauth: usage of the last seconds may not be stored: %w", ctx.Err())
	}
}
