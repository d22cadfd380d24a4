package models_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// pgBouncerURL returns the URL of a store's database through PgBouncer in transaction mode, until the
// test ends.
func pgBouncerURL(t *testing.T, s *modelstest.Store) string {
	t.Helper()
	direct, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close() // for PgBouncer
	config := filepath.Join(t.TempDir(), "pgbouncer.ini")
	text := fmt.Sprintf(`[databases]
keys = host=%s port=%s dbname=%s user=%s password=%s connect_query='SET search_path TO %s'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
auth_type = any
pool_mode = transaction
unix_socket_dir =
`, os.Getenv("PGHOST"), os.Getenv("PGPORT"), os.Getenv("PGDATABASE"), os.Getenv("PGUSER"), os.Getenv("PGPASSWORD"),
		direct.Query().Get("search_path"), port)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("pgbouncer", config)
	if os.Getuid() == 0 { // as which PgBouncer doesn't run
		for folder := filepath.Dir(config); folder != os.TempDir() && folder != "/"; folder = filepath.Dir(folder) {
			if err := os.Chmod(folder, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		command.Args = append(command.Args, "--user=postgres")
	}
	if err := command.Start(); err != nil {
		t.Fatalf("start PgBouncer (Debian package pgbouncer): %v", err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	address := fmt.Sprintf("127.0.0.1:%d", port)
	for {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
			break
		}
		time.Sleep(time.Millisecond)
	}
	return "postgres://any@" + address + "/keys?sslmode=disable&default_query_exec_mode=exec"
}

// Through a connection pooler in transaction mode, notifications don't arrive. A node finds that out,
// so that it polls more often.
func TestPgBouncerInTransactionMode(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	node, err := models.Open(pgBouncerURL(t, s.Store), models.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = node.Close() }()
	s.Exec(t, "UPDATE revocation SET node_wait_ms = 60000") // so that the deletion needs the confirmation
	id, err := node.RegisterNode(s.ctx, models.NewNode{Name: "node", Version: "test", StartedAt: s.Now()})
	if err != nil {
		t.Fatal(err)
	}
	fixture{&modelstest.Store{Store: node}, s.id, s.admin, s.ctx}.confirm(t, id)
	key := s.key(t, "CI")
	listening, stop := context.WithTimeout(t.Context(), 4*time.Second) // longer than it tests notifications
	defer stop()
	go node.ListenForKeyChanges(listening)
	for listening.Err() == nil {
		if node.HintsArrive() {
			t.Fatal("the node relies on notifications, which don't arrive")
		}
		time.Sleep(10 * time.Millisecond)
	}
	deleted, err := node.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation)
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "nodes that confirmed", deleted.DeletionNodes, new(1))
}
