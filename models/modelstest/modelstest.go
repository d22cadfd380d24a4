// Package modelstest gives tests a clean Store on each real database.
package modelstest

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver "pgx"

	"github.com/skipup/keys/models"
)

// Password is that of every user whom NewWorkspace makes.
const Password = "a long enough passphrase"

// cheap keeps tests quick; what the product uses has a test of its own.
var cheap = argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// Start is where every Clock starts.
var Start = time.Date(2026, time.March, 14, 9, 26, 53, 0, time.UTC)

// Lease is short, so that tests do not wait long for a deletion.
const Lease = 40 * time.Millisecond

// EncryptionKey is that of every Store.
var EncryptionKey = []byte("the encryption key of every test")

// Clock is a clock that stands still until it is set.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock is a clock that shows Start.
func NewClock() *Clock { return &Clock{now: Start} }

// Now is the time on the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock on.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Store is a clean Store with its clock and its address.
type Store struct {
	*models.Store
	Clock *Clock
	URL   string
}

// Each runs test as a subtest on a clean SQLite and on a clean PostgreSQL. With -short it
// leaves PostgreSQL out, and says so.
func Each(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, NewSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, NewPostgreSQL(t)) })
}

// NewSQLite returns a clean Store on a SQLite file of its own.
func NewSQLite(t testing.TB) *Store {
	t.Helper()
	return open(t, SQLiteURL(t))
}

// NewPostgreSQL returns a clean Store in a PostgreSQL schema of its own.
func NewPostgreSQL(t testing.TB) *Store {
	t.Helper()
	return open(t, PostgreSQLURL(t))
}

// SQLiteURL is the address of an empty database.
func SQLiteURL(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "test.db")
}

// PostgreSQLURL is the address of an empty schema on the server that the PG* variables name,
// which is gone after the test. Without a server the test fails: a test that does not run
// must not look like one that passes.
func PostgreSQLURL(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("PostgreSQL is left out because of -short")
	}
	if os.Getenv("PGHOST") == "" {
		t.Fatal("these tests need a PostgreSQL server: run `make test`, or `pg_virtualenv -t go test ./...` " +
			"(Debian packages postgresql and postgresql-common), or set PGHOST and its like; -short leaves PostgreSQL out")
	}
	admin, err := sql.Open("pgx", "")
	if err != nil {
		t.Fatal(err)
	}
	schema := fmt.Sprintf("test_%d_%d", os.Getpid(), time.Now().UnixNano())
	if _, err := admin.Exec("CREATE SCHEMA " + schema); err != nil {
		t.Fatalf("create a schema on the PostgreSQL server that PGHOST names: %v", err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec("DROP SCHEMA " + schema + " CASCADE"); err != nil {
			t.Errorf("drop schema: %v", err)
		}
		if err := admin.Close(); err != nil {
			t.Error(err)
		}
	})
	return "postgres:///?" + url.Values{"search_path": {schema}}.Encode()
}

func open(t testing.TB, address string) *Store {
	t.Helper()
	store := connect(t, address, NewClock())
	if _, err := store.Migrate(context.Background()); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	store.Exec(t, "UPDATE revocation SET lease_ms = $1, wait_ms = $1", Lease.Milliseconds())
	return store
}

// Another is a second node on the same database, with the same clock.
func (s *Store) Another(t testing.TB) *Store {
	t.Helper()
	return connect(t, s.URL, s.Clock)
}

// Mailing returns a node on the same database, with the same clock, that sends email.
func (s *Store) Mailing(t testing.TB) *Store {
	t.Helper()
	return connectWith(t, s.URL, s.Clock, models.Options{SendsEmail: true})
}

// Logging is a node on the same database, with the same clock, that logs every statement.
func (s *Store) Logging(t testing.TB, log *slog.Logger) *Store {
	t.Helper()
	return connectWith(t, s.URL, s.Clock, models.Options{Log: log, SlowQuery: time.Nanosecond})
}

func connect(t testing.TB, address string, clock *Clock) *Store {
	t.Helper()
	return connectWith(t, address, clock, models.Options{})
}

func connectWith(t testing.TB, address string, clock *Clock, options models.Options) *Store {
	t.Helper()
	options.Clock, options.Passwords = clock.Now, &cheap
	options.EncryptionKeys = [][]byte{EncryptionKey}
	store, err := models.Open(address, options)
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	return &Store{Store: store, Clock: clock, URL: address}
}

// NewWorkspace makes a workspace with an admin whose password is Password.
func (s *Store) NewWorkspace(t testing.TB, name, email string) (*models.Workspace, *models.Member) {
	t.Helper()
	workspace, admin, err := s.CreateWorkspace(context.Background(), models.NewWorkspace{
		Name: name, AdminEmail: email, AdminName: "Ada Admin", Password: Password,
	})
	if err != nil {
		t.Fatalf("create workspace: %v", err)
	}
	return workspace, admin
}
