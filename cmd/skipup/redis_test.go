package main

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/skipup/keys/views/path"
)

// fakeRedis accepts connections and responds to each command with reply, or never if it is empty.
func fakeRedis(t *testing.T, reply string) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				for lines := bufio.NewScanner(connection); lines.Scan(); {
					if reply != "" && strings.HasPrefix(lines.Text(), "*") { // a command begins with its length
						_, _ = connection.Write([]byte(reply + "\r\n"))
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

func TestRedisRejectsThePassword(t *testing.T) {
	for _, reply := range []string{
		"-WRONGPASS invalid username-password pair or user is disabled.", "-NOAUTH Authentication required.",
		"-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
	} {
		env := sqliteEnv(t)
		env["REDIS_URL"] = "redis://:hunter2@" + fakeRedis(t, reply)
		skipup(t, env, "serve", "--addr", "127.0.0.1:0").requireFailure(t, exitFailed, "Redis rejects the user or password", "--redis (REDIS_URL)")
	}
}

func TestSlowRedisIsReported(t *testing.T) {
	env := sqliteEnv(t)
	env["REDIS_URL"] = "redis://" + fakeRedis(t, "")
	key := newKey(t, env, newWorkspace(t, env), "CI", "")
	delete(env, "SKIPUP_KEY_RATE_LIMIT")
	s := serve(t, env, "--metrics-addr", "127.0.0.1:0")
	if status, body := s.get("/api/v1/me", key); status != http.StatusOK {
		t.Fatalf("status = %d, want 200: %s", status, body)
	}
	if _, body := s.get(path.HealthReady); !strings.Contains(body, "Redis is unavailable or takes longer than 50 ms") {
		t.Errorf("readiness = %q, want that Redis is too slow", body)
	}
	if got := s.metric(`skipup_problem{problem="redis_key"}`); got != "1" {
		t.Errorf("metric = %q, want 1", got)
	}
}
