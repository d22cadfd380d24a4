// Command skipup runs SkipUp Keys: the server and the operator's commands.
package main

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // for containers without time zone data
)

func main() {
	syscall.Umask(0o077) // files, such as those of a SQLite database, are for this user only
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program immediately
	os.Exit(run(ctx, os.Args[1:], environment(), os.Stdin, os.Stdout, os.Stderr))
}

func environment() map[string]string {
	variables := map[string]string{}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
	}
	return variables
}
