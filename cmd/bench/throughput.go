package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// variant is a way to serve the same small handler.
type variant struct {
	name, path string
	turn       int // how many keys are used in turn; 0 for all
	status     int
	atLeast    float64 // of the baseline, to reach; 0 for none
	times      float64 // that the gate with all keys in turn answers more, to reach; 0 for none
}

const (
	baseline = "no authentication"
	inTurn   = "our gate, 10,000 keys in turn"
)

var (
	open    = variant{name: baseline, path: "/open", turn: 10, status: http.StatusOK}
	control = variant{name: "no authentication, again", path: "/open", turn: 10, status: http.StatusOK}
)

// measureThroughput compares the variants with 10, 10,000 and 1,000,000 keys in memory.
func measureThroughput(ctx context.Context, p plan) error {
	ours := func(name string, turn int, atLeast float64) variant {
		return variant{name: name, path: "/gate", turn: turn, status: http.StatusOK, atLeast: atLeast}
	}
	for _, table := range []struct {
		keys     int
		variants []variant
	}{
		{10, []variant{ours("our gate, 10 keys in turn", 10, 0)}},
		{10_000, []variant{
			ours("our gate, one busy key of 10,000", 1, 0.96),
			ours(inTurn, 10_000, 0.94),
			{name: "Echo's KeyAuth and a GORM read, 10,000 in turn", path: "/keyauth", status: http.StatusOK, times: 4},
			{name: "the same and an UPDATE of last_used_at", path: "/keyauth-update", status: http.StatusOK, times: 12},
			{name: "and the commit outlasts a power cut", path: "/keyauth-update-full", status: http.StatusOK, times: 12},
		}},
		{1_000_000, []variant{ours("our gate, 10,000 in turn of 1,000,000", 10_000, 0.92)}},
	} {
		if !p.takes(fmt.Sprint(table.keys)) {
			continue
		}
		fmt.Printf("\n%d keys in memory\n", table.keys)
		if err := compare(ctx, p, table.keys, append([]variant{open, control}, table.variants...)); err != nil {
			return err
		}
	}
	return nil
}

// measureProduct puts the whole chain of the API beside the bare handler. What each part of it
// takes is BenchmarkChain's to say.
func measureProduct(ctx context.Context, p plan) error {
	if !p.takes("product") {
		return nil
	}
	fmt.Printf("\nThe product itself, 10,000 keys in turn\n")
	return compare(ctx, p, 10_000, []variant{
		open, control,
		{name: "request id, headers, log line, no key", path: "/healthz", status: http.StatusOK},
		{name: "and key, limit, usage (404)", path: "/api/v1/nothing", status: http.StatusNotFound},
		{name: "GET /me, which reads two rows", path: "/api/v1/me", status: http.StatusOK},
	})
}

// compare lets the variants take turns, and prints the medians.
func compare(ctx context.Context, p plan, keys int, variants []variant) error {
	server, err := startServer(ctx, keys)
	if err != nil {
		return err
	}
	defer server.stop()
	client, err := dial(server)
	if err != nil {
		return err
	}
	defer func() { _ = client.close() }()
	requests := make([][][]byte, len(variants))
	for i, v := range variants {
		texts := server.keys
		if v.turn > 0 {
			texts = texts[:v.turn]
		}
		requests[i] = requestsFor(v.path, texts)
	}
	results := make([][]load, len(variants))
	for round := range p.rounds + 1 { // the first is to warm up
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

// report prints a line for each variant; ratios are to the baseline of the same round.
func report(variants []variant, results [][]load) {
	fmt.Printf("  %-46s %8s %6s %8s %8s %8s %6s\n", "", "req/s", "ratio", "p50", "p99", "µs more", "µs CPU")
	base := median(results[0], func(l load) float64 { return l.perSecond })
	micros := func(results []load, of func(load) time.Duration) float64 {
		return median(results, func(l load) float64 { return of(l).Seconds() * 1e6 })
	}
	for i, v := range variants {
		perSecond := median(results[i], func(l load) float64 { return l.perSecond })
		fmt.Printf("  %-46s %8.0f %6.3f %6.0fµs %6.0fµs %8.2f %6.2f  %s\n", v.name, perSecond, medianRatio(results[i], results[0]),
			micros(results[i], func(l load) time.Duration { return l.p50 }), micros(results[i], func(l load) time.Duration { return l.p99 }),
			1e6/perSecond-1e6/base, micros(results[i], func(l load) time.Duration { return l.cpu }), v.verdict(variants, results, i))
	}
	if busy := median(results[0], func(l load) float64 { return l.busy }); busy < 0.95 {
		fmt.Printf("  The server was at work for %.0f %% of the time: the load is too slow to tell.\n", 100*busy)
	}
	if ratio := medianRatio(results[1], results[0]); ratio < 0.98 || ratio > 1.02 {
		fmt.Println("  The two baselines differ by more than 2 %: this comparison is INCONCLUSIVE.")
	}
}

// verdict says whether v, which is variant number i, has reached what it should.
func (v variant) verdict(variants []variant, results [][]load, i int) string {
	switch {
	case v.atLeast > 0:
		return verdict(medianRatio(results[i], results[0]) >= v.atLeast, fmt.Sprintf("at least %.2f", v.atLeast))
	case v.times > 0:
		at := slices.IndexFunc(variants, func(v variant) bool { return v.name == inTurn })
		times := medianRatio(results[at], results[i])
		return verdict(times >= v.times, fmt.Sprintf("our gate answers %.1f times as many, at least %.0f", times, v.times))
	}
	return ""
}

func verdict(reached bool, what string) string {
	if reached {
		return "reached: " + what
	}
	return "MISSED: " + what
}

func median(results []load, of func(load) float64) float64 {
	values := make([]float64, len(results))
	for i, result := range results {
		values[i] = of(result)
	}
	return middle(values)
}

func medianRatio(results, base []load) float64 {
	values := make([]float64, len(results))
	for i, result := range results {
		values[i] = result.perSecond / base[i].perSecond
	}
	return middle(values)
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
