// Command skipup runs SkipUp Keys: the server and the operator's commands.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // for containers without time zone data
)

func main() {
	syscall.Umask(0o077) // files, such as those of a SQLite database, are for this user only
	os.Exit(run(untilSignal(), os.Args[1:], environment(), os.Stdin, os.Stdout, os.Stderr))
}

// errTerminated is the cause of the end of a context because of SIGTERM, which service managers send.
var errTerminated = errors.New("terminated")

// untilSignal returns a context that ends at the first SIGINT or SIGTERM, or when the terminal that the program
// was started from closes. A second signal ends the program immediately.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if _, terminal := terminalOf(os.Stdin); terminal {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		received := <-signals
		signal.Stop(signals)
		if received == syscall.SIGTERM {
			cancel(errTerminated)
		}
		cancel(nil)
	}()
	return ctx
}

func environment() map[string]string {
	variables := map[string]string{}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
	}
	return variables
}
