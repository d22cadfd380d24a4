package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"time"
)

// variant is one way to serve the small handler.
type variant struct {
	name, path string
	rotation   int // number of keys in rotation; 0 for all
	status     int
	minRatio   float64 // to the baseline; 0 for no goal
	minFactor  float64 // by which the gate with all keys in rotation must be faster; 0 for no goal
}

const gateInRotation = "our gate, 10,000 keys in rotation"

var (
	baseline = variant{name: "no authentication", path: "/open", rotation: 10, status: http.StatusOK}
	control  = variant{name: "no authentication, again", path: "/open", rotation: 10, status: http.StatusOK}
)

// measureThroughput compares the variants with 10, 10,000, and 1,000,000 keys in memory.
func measureThroughput(ctx context.Context, p plan) error {
	gate := func(name string, rotation int, minRatio float64) variant {
		return variant{name: name, path: "/gate", rotation: rotation, status: http.StatusOK, minRatio: minRatio}
	}
	for _, table := range []struct {
		keys     int
		variants []variant
	}{
		{10, []variant{gate("our gate, 10 keys in rotation", 10, 0)}},
		{10_000, []variant{
			gate("our gate, one busy key of 10,000", 1, 0.96),
			gate(gateInRotation, 10_000, 0.94),
			{name: "Echo's KeyAuth and a GORM read, 10,000 in rotation", path: "/keyauth", status: http.StatusOK, minFactor: 4},
			{name: "the same, and UPDATE last_used_at", path: "/keyauth-update", status: http.StatusOK, minFactor: 12},
			{name: "the same, with durable commits", path: "/keyauth-update-full", status: http.StatusOK, minFactor: 12},
		}},
		{1_000_000, []variant{gate("our gate, 10,000 in rotation of 1,000,000", 10_000, 0.92)}},
	} {
		if !p.includes(fmt.Sprint(table.keys)) {
			continue
		}
		fmt.Printf("\n%d keys in memory\n", table.keys)
		if err := compare(ctx, p, table.keys, append([]variant{baseline, control}, table.variants...)); err != nil {
			return err
		}
	}
	return nil
}

// measureProduct compares the full middleware chain of the API with the bare handler.
// BenchmarkChain measures the parts of the chain.
func measureProduct(ctx context.Context, p plan) error {
	if !p.includes("product") {
		return nil
	}
	fmt.Printf("\nThe whole server, 10,000 keys in rotation\n")
	return compare(ctx, p, 10_000, []variant{
		baseline, control,
		{name: "request ID, headers, log line; no key", path: "/healthz", status: http.StatusOK},
		{name: "the same, with key, limit, usage (404)", path: "/api/v1/nothing", status: http.StatusNotFound},
		{name: "GET /me, which reads two rows", path: "/api/v1/me", status: http.StatusOK},
	})
}

// measureMiddleware compares a bare handler of net/http with one behind keyauth's middleware.
func measureMiddleware(ctx context.Context, p plan) error {
	if !p.includes("middleware") {
		return nil
	}
	fmt.Printf("\nThe middleware for Go services, 10,000 keys in rotation\n")
	return compare(ctx, p, 10_000, []variant{
		{name: "bare handler", path: "/bare", status: http.StatusOK},
		{name: "bare handler, again", path: "/bare", status: http.StatusOK},
		{name: "behind Require", path: "/require", status: http.StatusOK, minRatio: 0.93},
	})
}

// measureVerify compares the answer to a reverse proxy with a response of the same server for which no key
// is verified. Then it compares nginx with and without auth_request, which asks /verify or one of two alternatives.
func measureVerify(ctx context.Context, p plan) error {
	if !p.includes("verify") {
		return nil
	}
	server, err := startServer(ctx, 10_000)
	if err != nil {
		return err
	}
	defer server.stop()
	fmt.Printf("\n/verify\n")
	verify := "/verify?scope=meeting_requests.read&route=GET+/orders"
	err = compareOn(server, p, []variant{
		{name: "no key (/healthz)", path: "/healthz", status: http.StatusOK},
		{name: "no key, again", path: "/healthz", status: http.StatusOK},
		{name: "/verify, one busy key", path: verify, rotation: 1, status: http.StatusNoContent, minRatio: 0.85},
		{name: "/verify, 10,000 keys in rotation", path: verify, status: http.StatusNoContent},
	})
	if err != nil {
		return err
	}
	other, err := startPeer(ctx)
	if err != nil {
		return err
	}
	defer other.stop()
	proxy, err := startNginx(ctx, server, other)
	if err != nil {
		return err
	}
	defer proxy.stop()
	fmt.Printf("\nnginx on the same core, 10,000 keys in rotation\n")
	return compareOn(proxy, p, []variant{
		{name: "no auth_request", path: "/bare", status: http.StatusOK},
		{name: "no auth_request, again", path: "/bare", status: http.StatusOK},
		{name: "auth_request to /verify", path: "/verified", status: http.StatusOK},
		{name: "auth_request to Echo's KeyAuth and a GORM read", path: "/verified-keyauth", status: http.StatusOK},
		{name: "auth_request to " + peer + ", a user in a file", path: "/verified-peer", status: http.StatusOK},
	})
}

// compare measures the variants in turn on a new server and prints the medians.
func compare(ctx context.Context, p plan, keys int, variants []variant) error {
	server, err := startServer(ctx, keys)
	if err != nil {
		return err
	}
	defer server.stop()
	return compareOn(server, p, variants)
}

// compareOn measures the variants in turn on a server and prints the medians.
func compareOn(server *server, p plan, variants []variant) error {
	client, err := dial(server)
	if err != nil {
		return err
	}
	defer func() { _ = client.close() }()
	requests := make([][][]byte, len(variants))
	for i, v := range variants {
		keys := server.keys
		if v.rotation > 0 {
			keys = keys[:v.rotation]
		}
		requests[i] = requestsFor(v.path, keys)
	}
	results := make([][]result, len(variants))
	for round := range p.rounds + 1 { // the first round warms up
		for n := range variants {
			i := (n + round) % len(variants)
			measured, err := client.run(requests[i], p.length, variants[i].status)
			if err != nil {
				return fmt.Errorf("%s: %w", variants[i].name, err)
			}
			if round > 0 {
				results[i] = append(results[i], measured)
			}
		}
	}
	report(variants, results)
	return nil
}

// measureAgainst compares the gate of this build with that of others, with 10,000 keys in
// rotation. Every build runs in several processes one after another, because the addresses that a
// process happens to get move its speed by about a percent. Two servers of this build are the
// control.
func measureAgainst(ctx context.Context, p plan, binaries []string) error {
	const processes = 5
	variants := []variant{{name: "this build"}, {name: "this build, again"}}
	for _, binary := range binaries {
		variants = append(variants, variant{name: filepath.Base(binary)})
	}
	results := make([][]result, len(variants))
	for range processes {
		if err := compareBuilds(ctx, p, max(1, p.rounds/processes), binaries, results); err != nil {
			return err
		}
	}
	fmt.Printf("\nThe gate of each build, 10,000 keys in rotation\n")
	report(variants, results)
	return nil
}

// compareBuilds starts a server of each build and adds their measurements to results.
func compareBuilds(ctx context.Context, p plan, rounds int, binaries []string, results [][]result) error {
	clients, requests := make([]*client, len(results)), make([][][]byte, len(results))
	for i := range results {
		start := func() (*server, error) { return startServer(ctx, 10_000) }
		if i >= 2 {
			start = func() (*server, error) { return startBinary(ctx, binaries[i-2], 10_000) }
		}
		server, err := start()
		if err != nil {
			return err
		}
		defer server.stop()
		if clients[i], err = dial(server); err != nil {
			return err
		}
		defer func() { _ = clients[i].close() }()
		requests[i] = requestsFor("/gate", server.keys)
	}
	for round := range rounds + 1 { // the first round warms up
		for n := range clients {
			i := (n + round) % len(clients)
			measured, err := clients[i].run(requests[i], p.length, http.StatusOK)
			if err != nil {
				return err
			}
			if round > 0 {
				results[i] = append(results[i], measured)
			}
		}
	}
	return nil
}

// report prints a line for each variant, with its ratio to the first variant of the same round.
func report(variants []variant, results [][]result) {
	fmt.Printf("  %-50s %8s %6s %8s %8s %8s %6s %6s\n", "", "req/s", "ratio", "p50", "p99", "µs more", "µs CPU", "ratio")
	micros := func(results []result, of func(result) time.Duration) float64 {
		return median(results, func(r result) float64 { return of(r).Seconds() * 1e6 })
	}
	base := median(results[0], perSecond)
	for i, v := range variants {
		rate := median(results[i], perSecond)
		fmt.Printf("  %-50s %8.0f %6.3f %6.0fµs %6.0fµs %8.2f %6.2f %6.3f  %s\n", v.name, rate, medianRatio(results[i], results[0], perSecond),
			micros(results[i], func(r result) time.Duration { return r.p50 }), micros(results[i], func(r result) time.Duration { return r.p99 }),
			1e6/rate-1e6/base, micros(results[i], func(r result) time.Duration { return r.cpu }), medianRatio(results[i], results[0], perCPUSecond),
			v.verdict(variants, results, i))
	}
	if busy := median(results[0], func(r result) float64 { return r.busy }); busy < 0.95 {
		fmt.Printf("  The server had its core for %.0f%% of the time. Requests per second depend on the load or on other work: use the ratio of CPU time.\n", 100*busy)
	}
	if ratio := medianRatio(results[1], results[0], perSecond); ratio < 0.98 || ratio > 1.02 {
		fmt.Println("  INCONCLUSIVE: the baseline and its repetition differ by more than 2%.")
	}
}

// verdict reports whether v, the ith variant, has reached its goal.
func (v variant) verdict(variants []variant, results [][]result, i int) string {
	switch {
	case v.minRatio > 0:
		return verdict(medianRatio(results[i], results[0], perSecond) >= v.minRatio, fmt.Sprintf("at least %.2f", v.minRatio))
	case v.minFactor > 0:
		gate := slices.IndexFunc(variants, func(v variant) bool { return v.name == gateInRotation })
		factor := medianRatio(results[gate], results[i], perSecond)
		return verdict(factor >= v.minFactor, fmt.Sprintf("our gate is %.1f times as fast, at least %.0f", factor, v.minFactor))
	}
	return ""
}

func verdict(reached bool, goal string) string {
	if reached {
		return "reached: " + goal
	}
	return "MISSED: " + goal
}

func perSecond(r result) float64    { return r.perSecond }
func perCPUSecond(r result) float64 { return 1 / r.cpu.Seconds() }

func median(results []result, of func(result) float64) float64 {
	values := make([]float64, len(results))
	for i, r := range results {
		values[i] = of(r)
	}
	return middle(values)
}

// medianRatio returns the median of the ratios of results to base in the same round.
func medianRatio(results, base []result, of func(result) float64) float64 {
	values := make([]float64, len(results))
	for i, r := range results {
		values[i] = of(r) / of(base[i])
	}
	return middle(values)
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
