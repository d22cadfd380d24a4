package web_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/web"
)

// TestServeFinishesOpenRequests checks that Serve completes requests that started before it was
// stopped, and accepts no new ones.
func TestServeFinishesOpenRequests(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started, finish := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(started)
		<-finish
		_, _ = io.WriteString(w, "whole")
	})
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- web.Serve(ctx, listener, handler, web.Connections{}, slog.New(slog.DiscardHandler)) }()
	url := "http://" + listener.Addr().String()

	result := make(chan string, 1)
	go func() {
		response, err := http.Get(url)
		if err != nil {
			result <- err.Error()
			return
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		result <- string(body)
		if err != nil {
			t.Error(err)
		}
	}()
	<-started
	stop()
	for {
		connection, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			break // the listener is closed
		}
		connection.Close()
	}
	close(finish)
	if got := <-result; got != "whole" {
		t.Errorf("response to the open request = %q, want whole", got)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// TestIdleConnectionsAreClosed checks that the timeout of idle connections is the configured one.
func TestIdleConnectionsAreClosed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	go func() {
		served <- web.Serve(ctx, listener, handler, web.Connections{IdleTimeout: time.Millisecond}, slog.New(slog.DiscardHandler))
	}()
	connection, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, "GET / HTTP/1.1\r\nHost: keys.test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := io.ReadAll(connection) // until the server closes the connection
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(response), "HTTP/1.1 204") {
		t.Errorf("response = %q, want 204", response)
	}
	stop()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}
