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
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/keyauth/remote"
)

// stopTimeout limits how long open requests and the storing of their usage may take.
const stopTimeout = 20 * time.Second

func main() {
	address := flag.String("addr", "127.0.0.1:8081", "address to listen on")
	database := flag.String("database", cmp.Or(os.Getenv("DATABASE_URL"), "sqlite:skipup.db"), "URL of SkipUp's database (DATABASE_URL)")
	server := flag.String("server", "", "URL of a SkipUp server to ask instead; needs SKIPUP_NODE_TOKEN")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	source, closeSource, err := open(*server, os.Getenv("SKIPUP_NODE_TOKEN"), *database)
	if err == nil {
		err = errors.Join(run(ctx, *address, source), closeSource())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "orders:", err)
		os.Exit(1)
	}
}

// open returns where the keys come from: a server if there is a URL, otherwise the database.
func open(serverURL, credential, databaseURL string) (source keyauth.Source, closeSource func() error, err error) {
	if serverURL != "" {
		source, err = remote.New(serverURL, credential, remote.Options{Log: slog.Default()})
		return source, func() error { return nil }, err
	}
	database, err := models.Open(databaseURL, models.Options{Log: slog.Default()})
	if err != nil {
		return nil, nil, err
	}
	return database, database.Close, nil
}

// run serves the API until ctx is done.
func run(ctx context.Context, address string, source keyauth.Source) error {
	gate, err := keyauth.Open(ctx, source, func(o *keyauth.GateOptions) { o.Log, o.Node.Name = slog.Default(), "orders" })
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
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !gate.Ready() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// serve serves requests until ctx is done, then waits for open requests to finish.
func serve(ctx context.Context, address string, handler http.Handler) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Printf("Serving orders at http://%s/orders\n", listener.Addr())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return server.Shutdown(ending)
}
