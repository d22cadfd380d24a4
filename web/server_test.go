package web_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/skipup/keys/web"
)

// TestServeFinishesOpenRequests: a request that has begun is answered whole after the order to
// stop, a new one is not taken.
func TestServeFinishesOpenRequests(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	begun, finish := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-finish
		_, _ = io.WriteString(w, "whole")
	})
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- web.Serve(ctx, listener, handler, slog.New(slog.DiscardHandler)) }()
	address := "http://" + listener.Addr().String()

	answered := make(chan string, 1)
	go func() {
		response, err := http.Get(address)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		answered <- string(body)
		if err != nil {
			t.Error(err)
		}
	}()
	<-begun
	stop()
	for {
		connection, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			break // the listener is closed: nothing new is taken
		}
		connection.Close()
	}
	close(finish)
	if got := <-answered; got != "whole" {
		t.Errorf("the open request got %q", got)
	}
	if err := <-served; err != nil {
		t.Errorf("stopped with %v", err)
	}
}
