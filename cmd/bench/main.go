// Command bench measures what authentication costs. It compares the throughput of one small
// handler without a key, behind the gate, and behind common alternatives, as ratios within one
// run. It also measures deletions, many nodes, memory, usage, and webhooks. Run it with `make bench`.
//
// The server has one core and the load generator the other. The variants take turns in short
// rounds, so that other work on the machine affects all of them, and each variant is compared
// with the baseline of its own round, in the same process with the same heap. The baseline is
// measured twice in each round: if the two differ, the comparison is reported as inconclusive.
//
// With -against, it compares builds of itself instead, each serving from its own process:
//
//	bin/bench -against /tmp/bench-before
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"time"
)

func main() {
	child := flag.String("serve", "", "internal: directory of the database to serve from")
	held := flag.String("hold", "", "internal: directory of a database whose keys to hold in memory")
	keys := flag.Int("keys", 0, "internal: number of keys to hold in memory")
	rounds := flag.Int("rounds", 25, "rounds of each comparison")
	length := flag.Duration("round", time.Second, "time for one variant in a round; usage is stored once in each")
	only := flag.String("only", "", "measure one part only: 10, 10000, or 1000000 keys; product, middleware, verify, deletions, nodes, memory, usage, or webhooks")
	against := flag.String("against", "", "compare the gate of this build with that of other bench binaries, separated by commas")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch {
	case *child != "":
		err = serve(ctx, *child, *keys)
	case *held != "":
		err = hold(ctx, *held, *keys)
	default:
		err = measure(ctx, plan{rounds: *rounds, length: *length, only: *only, against: *against})
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// plan says what to measure, and for how long.
type plan struct {
	rounds  int
	length  time.Duration
	only    string
	against string
}

// includes reports whether to measure a part.
func (p plan) includes(part string) bool { return p.only == "" || p.only == part }

func measure(ctx context.Context, p plan) error {
	if os.Getenv(pinned) == "" && runtime.NumCPU() < 2 {
		return fmt.Errorf("two cores are needed, one for the server and one for the load; this machine has one")
	}
	if err := pinToCore(1); err != nil {
		return err
	}
	fmt.Printf("%s, %d rounds of %v, server on core 0, load on core 1, %s\n", time.Now().UTC().Format(time.DateOnly), p.rounds, p.length, runtime.Version())
	if p.against != "" {
		return measureAgainst(ctx, p, strings.Split(p.against, ","))
	}
	for _, part := range []func(context.Context, plan) error{measureThroughput, measureProduct, measureMiddleware, measureVerify, measureDeletions, measureFleet, measureMemory, measureUsage, measureWebhooks} {
		if err := part(ctx, p); err != nil {
			return err
		}
	}
	return nil
}
