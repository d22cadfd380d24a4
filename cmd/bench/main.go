// Command bench measures what authentication costs: requests a second of the same small handler
// without a key, behind our gate, and behind what people write instead, as ratios within one
// run; how long a deletion takes; what counting usage costs; and how quick webhooks are. It is run by `make bench`.
//
// The server has one core and the load another. Rounds of the variants take turns, so that what
// else the machine does meets all of them, and each variant is compared with the baseline of
// its own round, in the same process with the same heap. The baseline is measured twice in each
// round: if those two differ, the run proves nothing and says so.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"time"
)

func main() {
	child := flag.String("serve", "", "used by the program itself: directory of the database to serve from")
	keys := flag.Int("keys", 0, "used by the program itself: keys to hold in memory")
	rounds := flag.Int("rounds", 25, "rounds of each comparison")
	only := flag.String("only", "", "measure one part alone: 10, 10000 or 1000000 keys, product, deletions, usage or webhooks")
	length := flag.Duration("round", time.Second, "length of one variant in a round; usage is stored once a second")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if *child != "" {
		err = serve(ctx, *child, *keys)
	} else {
		err = measure(ctx, plan{*rounds, *length, *only})
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// plan is how much is measured.
type plan struct {
	rounds int
	length time.Duration
	only   string
}

// takes reports whether a part is measured.
func (p plan) takes(part string) bool { return p.only == "" || p.only == part }

func measure(ctx context.Context, p plan) error {
	if os.Getenv(pinned) == "" && runtime.NumCPU() < 2 {
		return fmt.Errorf("the load needs a core of its own, and this machine has one")
	}
	if err := onCore(1); err != nil {
		return err
	}
	fmt.Printf("%s, %d rounds of %v, server on core 0, load on core 1, %s\n", time.Now().UTC().Format(time.DateOnly), p.rounds, p.length, runtime.Version())
	for _, part := range []func(context.Context, plan) error{measureThroughput, measureProduct, measureDeletions, measureUsage, measureWebhooks} {
		if err := part(ctx, p); err != nil {
			return err
		}
	}
	return nil
}
