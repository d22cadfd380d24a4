// Command orders is a sample of an API that verifies SkipUp keys with package keyauth. It keeps its orders
// in memory. docs/go-middleware.md says how to run it.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/keyauth"
)

// stopTimeout limits how long open requests and the storing of their usage may take.
const stopTimeout = 20 * time.Second

func main() {
	address := flag.String("addr", "127.0.0.1:8081", "address to listen on")
	database := flag.String("database", cmp.Or(os.Getenv("DATABASE_URL"), "sqlite:skipup.db"), "URL of SkipUp's database (DATABASE_URL)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *address, *database); err != nil {
		fmt.Fprintln(os.Stderr, "orders:", err)
		os.Exit(1)
	}
}

// run serves the API until ctx is done.
func run(ctx context.Context, address, databaseURL string) error {
	log := slog.Default()
	database, err := models.Open(databaseURL, models.Options{Log: log})
	if err != nil {
		return err
	}
	defer func() { _ = database.Close() }()
	gate, err := keyauth.Open(ctx, database, func(o *keyauth.GateOptions) { o.Log, o.Node.Name = log, "orders" })
	if err != nil {
		return err
	}
	err = serve(ctx, address, routes(gate))
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return errors.Join(err, gate.Close(ending))
}

// routes returns the API. Each route states the scope that it requires.
func routes(gate *keyauth.Gate) http.Handler {
	orders := &orders{}
	mux := http.NewServeMux()
	mux.Handle("GET /orders", gate.Require("orders.read")(http.HandlerFunc(orders.list)))
	mux.Handle("GET /orders/{id}", gate.Require("orders.read")(http.HandlerFunc(orders.show)))
	mux.Handle("POST /orders", gate.Require("orders.write")(http.HandlerFunc(orders.create)))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return mux
}

// serve serves requests until ctx is done, then waits for open requests to finish.
func serve(ctx context.Context, address string, handler http.Handler) error {
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	slog.Info("serving orders", "url", "http://"+address+"/orders")
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return server.Shutdown(ending)
}
