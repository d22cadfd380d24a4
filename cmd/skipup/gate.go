package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/ratelimit"
)

// openGate returns the gate to the API, and starts to serve metrics if they are enabled. Stop ends
// the metrics and disconnects from Redis.
func (srv *server) openGate(ctx context.Context, store *models.Store) (gate *web.KeyGate, stop func(), err error) {
	limits, closeLimits, err := limitsOf(ctx, srv.settings, srv.conditions, srv.log)
	if err != nil {
		return nil, nil, err
	}
	options := web.GateOptions{Log: srv.log, CacheSize: srv.Cache.bytes(), Limits: limits, Conditions: srv.conditions, Node: srv.node, Tracer: srv.exports.Tracer()}
	if srv.recordsMetrics() {
		options.Metrics = srv.metrics
	}
	stopMetrics := func() {}
	if srv.MetricsAddr != "" {
		if stopMetrics, err = serveMetrics(ctx, srv.settings, srv.metrics, srv.log); err != nil {
			closeLimits()
			return nil, nil, err
		}
	}
	return web.NewKeyGate(store, options), func() {
		stopMetrics()
		closeLimits()
	}, nil
}

// limitsOf returns the rate limits, shared through Redis if it is configured. It returns an error if
// Redis rejects the password or the user. It doesn't wait for a Redis that is unavailable.
func limitsOf(ctx context.Context, s settings, conditions *web.Conditions, log *slog.Logger) (limits keyauth.Limits, stop func(), err error) {
	limiter := func(_ string, policy ratelimit.Policy) ratelimit.Limiter {
		return ratelimit.NewMemory(policy, time.Now)
	}
	stop = func() {}
	if s.Redis.Options != nil {
		client := redis.NewClient(s.Redis.Options)
		stop = func() { _ = client.Close() }
		if ratelimit.Rejects(ctx, client) {
			stop()
			return limits, nil, failf("Redis rejects the user or password; check %s", redisOption.name())
		}
		limiter = func(name string, policy ratelimit.Policy) ratelimit.Limiter {
			shared := ratelimit.NewShared(client, "skipup:"+name+":", policy, ratelimit.NewMemory(policy, time.Now), log)
			shared.Watch(func(out bool) {
				sentence := ""
				if out {
					sentence = "Redis is unavailable or takes longer than 50 ms, so that each node limits requests on its own. Move it closer, or check " + redisOption.name() + "."
				}
				conditions.Report("redis_"+name, sentence)
			})
			return shared
		}
	}
	policy := s.KeyRateLimit.policy()
	limits.Keys = &keyauth.KeyLimit{Limiter: limiter("key", policy), Policy: policy}
	if policy := s.GuessRateLimit.policy(); policy.Quota > 0 {
		limits.Addresses = limiter("guess", policy)
	}
	return limits, stop, nil
}

// serveMetrics serves the metrics, and profiles if they are enabled, on a listener of their own until stop
// is called.
func serveMetrics(ctx context.Context, s settings, metrics *web.Metrics, log *slog.Logger) (stop func(), err error) {
	listener, err := listen(ctx, string(s.MetricsAddr))
	if err != nil {
		return nil, err
	}
	routes := http.NewServeMux()
	routes.Handle("GET /metrics", metrics.Handler())
	if s.Profiles {
		routes.HandleFunc("GET /debug/pprof/", pprof.Index) // also the other profiles
		routes.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		routes.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		if !listenAddress(s.MetricsAddr).isPrivate() {
			log.Warn("everyone who reaches the metrics can also read profiles, which show the memory of the server and slow it down; " +
				"use a private address in " + metricsOption.name() + ", or remove " + profilesOption.name())
		}
	}
	server := &http.Server{Handler: routes, ReadHeaderTimeout: 10 * time.Second}
	log.Info("serving metrics", "address", listener.Addr().String())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("failed to serve metrics", "error", err)
		}
	})
	return func() {
		_ = server.Close()
		serving.Wait()
	}, nil
}
