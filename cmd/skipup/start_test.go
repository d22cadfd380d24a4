package main

import (
	"database/sql"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/skipup/keys/models/modelstest"
)

// While a server waits for a migration of another node, it is alive and not ready, and says why. SIGHUP doesn't
// end it.
func TestServeWhileAnotherNodeMigrates(t *testing.T) {
	t.Parallel()
	env := map[string]string{"DATABASE_URL": modelstest.PostgreSQLURL(t)}
	db, err := sql.Open("pgx", env["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("SELECT pg_advisory_xact_lock(hashtext('skipup migrations'), hashtext(current_schema()))"); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	s := startProgram(t, env, "serve", "--addr", address)
	s.url = "http://" + address
	eventually(t, "the server isn't alive", func() bool {
		response, err := http.Get(s.url + "/healthz")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	eventually(t, "the server doesn't say what it waits for", func() bool {
		status, text := s.get("/readyz")
		return status == http.StatusServiceUnavailable && text == "starting\nWaiting for another process\n"
	})
	s.signal(syscall.SIGHUP)
	if status, text := s.get("/api/v1/me"); status != http.StatusServiceUnavailable || !strings.Contains(text, `"message":"The server is starting.`) {
		t.Errorf("GET /api/v1/me = %d %s, want 503 and why", status, text)
	}
	modelstest.Contains(t, "log", s.stderr.String(), "waiting until another process has updated the database schema")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	s.waitUntilReady()
	eventually(t, "the server isn't ready", func() bool {
		status, _ := s.get("/readyz")
		return status == http.StatusOK
	})
	modelstest.Contains(t, "log", s.stderr.String(), "still starting", "nothing to reload")
}

// A server waits for a database that starts after it, and other commands don't.
func TestServeWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	direct, err := url.Parse(modelstest.PostgreSQLURL(t))
	if err != nil {
		t.Fatal(err)
	}
	target, late := net.JoinHostPort(os.Getenv("PGHOST"), os.Getenv("PGPORT")), freeAddress(t)
	direct.Host = late
	env := map[string]string{"DATABASE_URL": direct.String()}
	s := startProcess(t, env)
	eventually(t, "the server doesn't say that it waits", func() bool { return strings.Contains(s.stderr.String(), "waiting for the database") })
	listener, err := net.Listen("tcp", late)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				_ = client.Close()
				continue
			}
			go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
			go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
		}
	}()
	s.waitUntilReady()
	s.stop()
}

func TestServeWaitsForTheDatabaseOnlyForSomeTime(t *testing.T) {
	t.Parallel()
	env := map[string]string{"DATABASE_URL": "postgres://ada:hunter2@" + freeAddress(t) + "/skipup", "SKIPUP_DATABASE_WAIT": "300ms"}
	s := startProcess(t, env)
	if code := <-s.ended; code != exitFailed {
		t.Errorf("exit code = %d, want %d", code, exitFailed)
	}
	s.ended <- exitFailed
	modelstest.Contains(t, "stderr", s.stderr.String(), "waiting for the database", "can't open the database")
}

// A newer version updates the schema so that this one may no longer use it.
func TestServeStopsWhenItIsOutdated(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{"sqlite": modelstest.SQLiteURL(t), "postgres": modelstest.PostgreSQLURL(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startProcess(t, map[string]string{"DATABASE_URL": address})
			s.waitUntilReady()
			modelstest.Unmigrated(t, address).Exec(t, "UPDATE installation SET oldest_program = 1000000")
			if code := <-s.ended; code != exitRejected {
				t.Errorf("exit code = %d, want %d", code, exitRejected)
			}
			s.ended <- exitRejected
			modelstest.Contains(t, "stderr", s.stderr.String(), "this version may no longer use it. Start the newer version.")
		})
	}
}
