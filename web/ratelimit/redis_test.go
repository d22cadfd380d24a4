package ratelimit_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/ratelimit"
)

// redisServer is a Redis server on a socket of its own. It stores nothing on disk.
type redisServer struct {
	folder  string
	process *exec.Cmd
}

// newRedis starts a server and stops it when the test ends.
func newRedis(t *testing.T) *redisServer {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped by -short")
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal("redis-server is not installed: run `make test` as root, or install Debian's package redis-server")
	}
	folder, err := os.MkdirTemp("", "redis") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	s := &redisServer{folder: folder}
	t.Cleanup(func() {
		s.kill()
		os.RemoveAll(folder)
	})
	s.start(t)
	return s
}

func (s *redisServer) socket() string { return filepath.Join(s.folder, "socket") }

// start starts an empty server and waits until it responds.
func (s *redisServer) start(t *testing.T) {
	t.Helper()
	s.process = exec.Command("redis-server", "--port", "0", "--unixsocket", s.socket(), "--requirepass", "open sesame",
		"--save", "", "--appendonly", "no", "--dir", s.folder)
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		connection, err := net.Dial("unix", s.socket())
		if err == nil {
			connection.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("redis-server does not start: %v", err)
		}
	}
}

// kill kills the server.
func (s *redisServer) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

// client returns a client with the options of ParseRedis.
func (s *redisServer) client(t *testing.T) *redis.Client {
	t.Helper()
	options, err := ratelimit.ParseRedis("unix://:open%20sesame@" + s.socket() + "?db=3")
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })
	return client
}

func TestParseRedis(t *testing.T) {
	tests := []struct {
		address, network, place, user, password string
		database                                int
		tls                                     bool
	}{
		{address: "redis://cache.internal", network: "tcp", place: "cache.internal:6379"},
		{address: "redis://ada:s%40sam@10.0.0.5:7000/4", network: "tcp", place: "10.0.0.5:7000", user: "ada", password: "s@sam", database: 4},
		{address: "rediss://:sesame@[2001:db8::7]", network: "tcp", place: "[2001:db8::7]:6379", password: "sesame", tls: true},
		{address: "unix:///run/redis.sock?db=2", network: "unix", place: "/run/redis.sock", database: 2},
	}
	for _, tt := range tests {
		t.Run(tt.address, func(t *testing.T) {
			got, err := ratelimit.ParseRedis(tt.address)
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, "Network", got.Network, tt.network)
			modelstest.Equal(t, "Addr", got.Addr, tt.place)
			modelstest.Equal(t, "Username", got.Username, tt.user)
			modelstest.Equal(t, "Password", got.Password, tt.password)
			modelstest.Equal(t, "DB", got.DB, tt.database)
			modelstest.Equal(t, "TLS", got.TLSConfig != nil, tt.tls)
		})
	}
}

// TestParseRedisError checks that the errors don't contain the URL.
func TestParseRedisError(t *testing.T) {
	for _, address := range []string{
		"", "cache.internal:6379", "http://:sesame@cache.internal", "redis://", "redis://:6379", "redis:/sesame",
		"redis://:ses/ame@cache.internal", "redis://:ses#ame@cache.internal", "redis://ada:123#sesame@cache.internal", "redis://ada:123?sesame@cache.internal", "redis://ada:123/sesame@cache.internal", "redis://:ses?ame@cache.internal",
		"redis://:sesame%@cache.internal", "redis://cache.internal:sesame", "redis://cache.internal/sesame", "redis://cache.internal/-1",
		"redis://cache.internal/1/2", "redis://cache.internal?db=sesame", "redis://cache.internal?read_timeout=9s", "rediss://cache.internal?skip_verify=true",
		"unix://run/sesame.sock", "unix://", "unix:///run/redis.sock?sesame=1",
	} {
		_, err := ratelimit.ParseRedis(address)
		if err == nil {
			t.Errorf("ParseRedis(%q) succeeded", address)
			continue
		}
		for _, secret := range []string{"ses", "ame@", "cache.internal"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("error for %q repeats the URL: %v", address, err)
			}
		}
		if !strings.Contains(err.Error(), "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]") {
			t.Errorf("error for %q lacks the expected form: %v", address, err)
		}
	}
}

func TestRedisSupportsAllCommands(t *testing.T) {
	server := newRedis(t)
	client := server.client(t)
	limiter := ratelimit.NewShared(client, "test:", three, ratelimit.NewMemory(three, time.Now), quiet)
	limiter.SetTimeout(10 * time.Second)
	limiter.Take(ctx, subject(1))
	limiter.Peek(ctx, subject(1))
	errorsSeen, err := client.Info(context.Background(), "errorstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(errorsSeen) {
		// NOSCRIPT is expected: the client then sends the whole script.
		if strings.HasPrefix(line, "errorstat_") && !strings.HasPrefix(line, "errorstat_NOSCRIPT") {
			t.Errorf("Redis returned an error: %s", line)
		}
	}
}
