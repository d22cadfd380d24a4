package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// variant is a way to serve the same small handler.
type variant struct {
	name, path string
	turn       int // how many keys are used in turn; 0 for all
	status     int
	atLeast    float64 // of the baseline, to reach; 0 for none
}

const baseline = "no authentication"

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
			ours("our gate, 10,000 keys in turn", 10_000, 0.94),
			{name: "Echo's KeyAuth and a GORM read, 10,000 in turn", path: "/keyauth", status: http.StatusOK},
			{name: "the same and an UPDATE of last_used_at", path: "/keyauth-update", status: http.StatusOK},
			{name: "the product: request id, headers, log line, no key", path: "/healthz", status: http.StatusOK},
			{name: "the product: and key, limit, usage (404)", path: "/api/v1/nothing", status: http.StatusNotFound},
			{name: "the product: GET /me, which reads two rows", path: "/api/v1/me", status: http.StatusOK},
		}},
		{1_000_000, []variant{ours("our gate, 10,000 in turn of 1,000,000", 10_000, 0.92)}},
	} {
		if p.only > 0 && p.only != table.keys {
			continue
		}
		fmt.Printf("\n%d keys in memory\n", table.keys)
		if err := compare(ctx, p, table.keys, append([]variant{open, control}, table.variants...)); err != nil {
			return err
		}
	}
	return nil
}

// compare lets the variants take turns, and prints the medians.
func compare(ctx context.Context, p plan, keys int, variants []variant) error {
	server, err := startServer(ctx, keys)
	if err != nil {
		return err
	}
	defer server.stop()
	client, err := dial(server.address)
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
	conclusive := true
	fmt.Printf("  %-52s %9s %7s %9s %9s  %s\n", "", "req/s", "ratio", "p50", "p99", "µs more")
	base := median(results[0], func(l load) float64 { return l.perSecond })
	for i, v := range variants {
		perSecond := median(results[i], func(l load) float64 { return l.perSecond })
		ratio := medianRatio(results[i], results[0])
		verdict := ""
		switch {
		case i == 1 && (ratio < 0.98 || ratio > 1.02):
			conclusive, verdict = false, "INCONCLUSIVE: the machine is too busy"
		case v.atLeast > 0 && ratio < v.atLeast:
			verdict = fmt.Sprintf("MISSED: at least %.2f", v.atLeast)
		case v.atLeast > 0:
			verdict = fmt.Sprintf("reached: at least %.2f", v.atLeast)
		}
		fmt.Printf("  %-52s %9.0f %7.3f %9v %9v  %6.2f  %s\n", v.name, perSecond, ratio,
			time.Duration(median(results[i], func(l load) float64 { return float64(l.p50) })).Round(time.Microsecond),
			time.Duration(median(results[i], func(l load) float64 { return float64(l.p99) })).Round(time.Microsecond),
			1e6/perSecond-1e6/base, verdict)
	}
	if !conclusive {
		fmt.Println("  The two baselines differ by more than 2 %: this comparison is inconclusive.")
	}
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

// benched is the server that is measured, a process of its own.
type benched struct {
	process *exec.Cmd
	dir     string
	address string
	keys    []string
}

func startServer(ctx context.Context, keys int) (*benched, error) {
	dir, err := os.MkdirTemp("", "skipup-bench-")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	b := &benched{dir: dir, process: exec.CommandContext(ctx, self, "-serve", dir, "-keys", strconv.Itoa(keys))}
	b.process.Stderr = os.Stderr
	b.process.Env = slices.DeleteFunc(append(os.Environ(), "GOMAXPROCS=1"), func(v string) bool { return strings.HasPrefix(v, pinned) })
	output, err := b.process.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := b.process.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		b.stop()
		return nil, fmt.Errorf("the server has not started: %w", err)
	}
	b.address = strings.TrimSpace(line)
	text, err := os.ReadFile(filepath.Join(dir, keysFile))
	if err != nil {
		b.stop()
		return nil, err
	}
	b.keys = strings.Fields(string(text))
	return b, await(b.address)
}

func (b *benched) stop() {
	_ = b.process.Process.Signal(syscall.SIGTERM)
	_ = b.process.Wait()
	_ = os.RemoveAll(b.dir)
}
