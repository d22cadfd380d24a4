package handlers_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/web"
)

// patience is longer than any response takes, and shorter than the timeouts of the server.
const patience = 15 * time.Second

// dial connects to address until the end of the test.
func dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return connection.(*net.TCPConn)
}

// write sends text. It ignores errors, because the server may reject what it has read so far.
func write(connection net.Conn, text string) { _, _ = io.WriteString(connection, text) }

// receive reads a response, or returns nil if the server closed the connection without one.
func receive(t *testing.T, connection net.Conn) *http.Response {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if errors.Is(err, io.ErrUnexpectedEOF) || err != nil && strings.Contains(err.Error(), "reset by peer") {
		return nil
	}
	if err != nil {
		t.Fatalf("read response: %v", err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("read body: %v", err)
	}
	response.Body = io.NopCloser(strings.NewReader(string(body)))
	return response
}

// TestHalfClosedConnectionsGetNoFalseSuccess checks that a client that has closed its side of the
// connection gets a success only for a request that was carried out. net/http takes such a client for
// one that has gone and cancels its request.
func TestHalfClosedConnectionsGetNoFalseSuccess(t *testing.T) {
	s := handlerstest.New(t)
	key, address := s.Key(t, scope.All.Scopes()...), s.Serve(t, web.Connections{})
	const rounds = 60
	created := 0
	for i := range rounds {
		connection := dial(t, address)
		body := fmt.Sprintf(`{"name":"Half-closed %d"}`, i)
		write(connection, fmt.Sprintf("POST /api/v1/api_keys HTTP/1.1\r\nHost: keys.test\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", key, len(body), body))
		if err := connection.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		response := receive(t, connection)
		if response == nil {
			continue
		}
		if response.StatusCode != http.StatusCreated {
			t.Errorf("round %d: status = %d, want 201 or no response", i, response.StatusCode)
		}
		created++
	}
	if got := countKeys(t, s, "Half-closed "); got < created {
		t.Errorf("%d keys, want at least %d, as many as responses with 201", got, created)
	}
	if strings.Contains(s.Log.String(), `"status":200`) {
		t.Error("an aborted request is logged with status 200")
	}

	incomplete := dial(t, address)
	write(incomplete, "POST /api/v1/api_keys HTTP/1.1\r\nHost: keys.test\r\nAuthorization: Bearer "+key+
		"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	if err := incomplete.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	response := receive(t, incomplete)
	if response == nil {
		t.Fatal("incomplete body: no response, want 400")
	}
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("incomplete body: status = %d, want 400", response.StatusCode)
	}
}

// countKeys returns the number of keys whose names begin with prefix.
func countKeys(t *testing.T, s *handlerstest.Server, prefix string) (count int) {
	t.Helper()
	page, err := s.APIKeysInState(t.Context(), s.Workspace.ID, models.StateActive, models.Page{Limit: models.MaxPageLimit})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range page.Items {
		if strings.HasPrefix(key.Name, prefix) {
			count++
		}
	}
	return count
}

// TestErrorsDoNotWaitForTheBody checks that a response that needs no body is sent before the client
// sends one.
func TestErrorsDoNotWaitForTheBody(t *testing.T) {
	s := handlerstest.New(t)
	key, address := s.Key(t, scope.All.Scopes()...), s.Serve(t, web.Connections{})
	tests := map[string]struct {
		head   string
		status int
	}{
		"no key, 100-continue":      {"POST /api/v1/api_keys HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 100\r\n", 401},
		"no key":                    {"POST /api/v1/api_keys HTTP/1.1\r\nContent-Length: 100\r\n", 401},
		"too large, 100-continue":   {"POST /api/v1/api_keys HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 100000\r\nContent-Type: application/json\r\nAuthorization: Bearer " + key + "\r\n", 413},
		"too large":                 {"POST /api/v1/api_keys HTTP/1.1\r\nContent-Length: 100000\r\nContent-Type: application/json\r\nAuthorization: Bearer " + key + "\r\n", 413},
		"media type, 100-continue":  {"POST /api/v1/api_keys HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 100\r\nContent-Type: text/plain\r\nAuthorization: Bearer " + key + "\r\n", 415},
		"not a route, 100-continue": {"POST /api/v1/nothing HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 100\r\nAuthorization: Bearer " + key + "\r\n", 404},
		"large form, 100-continue":  {"POST /login HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 100000\r\nContent-Type: application/x-www-form-urlencoded\r\n", 413},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connection := dial(t, address)
			write(connection, tt.head+"Host: keys.test\r\n\r\n")
			response := receive(t, connection) // fails if it takes longer than patience
			if response == nil {
				t.Fatalf("no response, want %d", tt.status)
			}
			if response.StatusCode != tt.status {
				t.Errorf("status = %d, want %d", response.StatusCode, tt.status)
			}
		})
	}
}

// TestLargeHeadersAreRejected checks that a header of many megabytes is rejected before it takes memory.
func TestLargeHeadersAreRejected(t *testing.T) {
	s := handlerstest.New(t)
	address := s.Serve(t, web.Connections{})
	for size, want := range map[int]int{60 << 10: http.StatusUnauthorized, 80 << 10: http.StatusRequestHeaderFieldsTooLarge, 12 << 20: http.StatusRequestHeaderFieldsTooLarge} {
		connection := dial(t, address)
		go func() {
			write(connection, "GET /api/v1/me HTTP/1.1\r\nHost: keys.test\r\n")
			line := "A: " + strings.Repeat("a", 95) + "\r\n"
			write(connection, strings.Repeat(line, size/len(line))+"\r\n")
		}()
		response := receive(t, connection)
		if response == nil {
			t.Fatalf("header of %d bytes: no response, want %d", size, want)
		}
		if response.StatusCode != want {
			t.Errorf("header of %d bytes: status = %d, want %d", size, response.StatusCode, want)
		}
	}
}

// TestConnectionsAreLimited checks that a connection over the limit waits until another is closed.
func TestConnectionsAreLimited(t *testing.T) {
	s := handlerstest.New(t)
	address := s.Serve(t, web.Connections{Max: 2})
	const request = "GET /healthz HTTP/1.1\r\nHost: keys.test\r\n\r\n"
	var open []net.Conn
	for range 2 {
		connection := dial(t, address)
		write(connection, request)
		if response := receive(t, connection); response.StatusCode != http.StatusOK {
			t.Fatalf("status = %d, want 200", response.StatusCode)
		}
		open = append(open, connection)
	}
	third := dial(t, address)
	write(third, request)
	if err := third.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := third.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read from a connection over the limit: err = %v, want a timeout", err)
	}
	_ = open[0].Close()
	if err := third.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if response := receive(t, third); response.StatusCode != http.StatusOK {
		t.Errorf("status = %d, want 200", response.StatusCode)
	}
}
