package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
	"github.com/skipup/keys/web/ratelimit"
)

// startGate makes the gate to the API and has it run, with the metrics if they are wanted,
// until stop is called. That outlives ctx: open requests are still let through while the
// server stops, and are counted.
func startGate(ctx context.Context, s settings, store *models.Store, metrics *web.Metrics, log *slog.Logger) (gate *web.KeyGate, stop func(), err error) {
	limits, closeLimits, err := limitsOf(s, log)
	if err != nil {
		return nil, nil, err
	}
	options := web.GateOptions{Log: log, CacheSize: megabytes(s.Cache), Limits: limits}
	stopMetrics := func() {}
	if s.MetricsAddr != "" {
		options.Metrics = metrics
		if stopMetrics, err = serveMetrics(ctx, s.MetricsAddr, metrics, log); err != nil {
			closeLimits()
			return nil, nil, err
		}
	}
	gate = web.NewKeyGate(store, options)
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	work.Go(func() { gate.Run(running) })
	return gate, func() {
		cancel()
		work.Wait()
		stopMetrics()
		closeLimits()
	}, nil
}

// limitsOf are the rate limits, shared through Redis if there is one.
func limitsOf(s settings, log *slog.Logger) (limits web.Limits, stop func(), err error) {
	limiter := func(_ string, policy ratelimit.Policy) ratelimit.Limiter {
		return ratelimit.NewMemory(policy, time.Now)
	}
	stop = func() {}
	if s.Redis != "" {
		options, err := ratelimit.ParseRedis(s.Redis)
		if err != nil {
			return limits, nil, err
		}
		client := redis.NewClient(options)
		limiter = func(name string, policy ratelimit.Policy) ratelimit.Limiter {
			return ratelimit.NewShared(client, "skipup:"+name+":", policy, ratelimit.NewMemory(policy, time.Now), log)
		}
		stop = func() { _ = client.Close() } // nothing is lost with it
	}
	if policy := perMinute(s.KeyRateLimit); policy.Quota > 0 {
		limits.Keys = &web.KeyLimit{Limiter: limiter("key", policy), Policy: policy}
	}
	if policy := perMinute(s.GuessRateLimit); policy.Quota > 0 {
		limits.Addresses = limiter("guess", policy)
	}
	return limits, stop, nil
}

func perMinute(checked string) ratelimit.Policy {
	quota, _ := strconv.Atoi(checked)
	return ratelimit.Policy{Name: "default", Quota: quota, Window: time.Minute}
}

func megabytes(checked string) int {
	number, _ := strconv.Atoi(checked)
	return number * 1_000_000
}

// serveMetrics serves the metrics on a listener of their own until stop is called.
func serveMetrics(ctx context.Context, address string, metrics *web.Metrics, log *slog.Logger) (stop func(), err error) {
	listener, err := listen(ctx, address)
	if err != nil {
		return nil, err
	}
	routes := http.NewServeMux()
	routes.Handle("GET /metrics", metrics.Handler())
	server := &http.Server{Handler: routes, ReadHeaderTimeout: 10 * time.Second}
	log.Info("serving metrics", "address", listener.Addr().String())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("serve metrics", "error", err)
		}
	})
	return func() {
		_ = server.Close() // who scrapes will ask again
		serving.Wait()
	}, nil
}
