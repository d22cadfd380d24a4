package models_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

// pgBouncerURL returns the URL of a database through PgBouncer in transaction mode, with few connections to
// PostgreSQL, until the test ends.
func pgBouncerURL(t *testing.T, address string) string {
	t.Helper()
	direct, err := url.Parse(address)
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
default_pool_size = 3
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
	endpoint := fmt.Sprintf("127.0.0.1:%d", port)
	for {
		connection, err := net.Dial("tcp", endpoint)
		if err == nil {
			_ = connection.Close()
			break
		}
		time.Sleep(time.Millisecond)
	}
	return "postgres://any@" + endpoint + "/keys?sslmode=disable"
}

// TestPgBouncerInTransactionMode uses a database through PgBouncer with default settings. Requests share the
// connections to PostgreSQL.
func TestPgBouncerInTransactionMode(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	var log bytes.Buffer
	node, err := models.Open(pgBouncerURL(t, s.URL), models.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = node.Close() }()
	wantContains(t, log.String(), "leads to a connection pooler")
	wantDiagnosis(t, node.Diagnose(s.ctx), "connections", models.LevelOK, "connection pooler")
	if _, err := node.Backup(s.ctx, filepath.Join(t.TempDir(), "backup"), models.BackupOptions{}); !models.IsKind(err, models.FailedPrecondition) {
		t.Errorf("backup: error = %v, want FailedPrecondition", err)
	}
	node.ListenForKeyChanges(s.ctx)                         // returns, because no notifications arrive
	s.Exec(t, "UPDATE revocation SET node_wait_ms = 60000") // so that the deletion needs the confirmation
	id, err := node.RegisterNode(s.ctx, models.NewNode{Name: "node", Version: "test", StartedAt: s.Now()})
	if err != nil {
		t.Fatal(err)
	}
	fixture{&modelstest.Store{Store: node}, s.id, s.admin, s.ctx}.confirm(t, id)
	var group errgroup.Group
	for i := range 16 {
		group.Go(func() error {
			key, _, err := node.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: fmt.Sprint("CI ", i), Scopes: scope.Of(scope.SeatsRead)})
			if err != nil {
				return err
			}
			if err := node.AddUsage(s.ctx, countsOf(use{key, s.Now(), "192.0.2.7", "curl/8", "GET /me"})); err != nil {
				return err
			}
			deleted, err := node.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation)
			if err == nil && (deleted.DeletionNodes == nil || *deleted.DeletionNodes != 1) {
				err = fmt.Errorf("nodes that confirmed = %v, want 1", deleted.DeletionNodes)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	requireNoSessionState(t, node)
}

// requireNoSessionState checks that a node sets its timeouts for transactions only, and leaves nothing behind in the
// connections of a pooler.
func requireNoSessionState(t *testing.T, node *models.Store) {
	t.Helper()
	const state = "SELECT current_setting('lock_timeout') || ' ' || (SELECT count(*) FROM pg_prepared_statements) || ' ' || (SELECT count(*) FROM pg_listening_channels())"
	var outside, inside string
	if err := node.DB().Raw(state).Scan(&outside).Error; err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "lock_timeout, prepared statements, and channels outside a transaction", outside, "0 0 0")
	err := node.Tx(t.Context(), func(tx *models.Store) error { return tx.DB().Raw(state).Scan(&inside).Error })
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "the same in a transaction", inside, "5s 0 0")
}

// TestMigrateThroughPgBouncer starts two nodes on an empty database at the same time.
func TestMigrateThroughPgBouncer(t *testing.T) {
	t.Parallel()
	address := pgBouncerURL(t, modelstest.PostgreSQLURL(t))
	var group errgroup.Group
	for range 2 {
		group.Go(func() error {
			node, err := models.Open(address, models.Options{})
			if err != nil {
				return err
			}
			_, err = node.Migrate(t.Context())
			return errors.Join(err, node.Close())
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}
