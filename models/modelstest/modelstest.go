// Package modelstest provides tests with an empty Store on each database.
package modelstest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver "pgx"

	"github.com/skipup/keys/models"
)

// Password is the password of every user that NewWorkspace creates.
const Password = "a long enough passphrase"

// cheap keeps tests fast. The parameters used in production have their own test.
var cheap = argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// Start is where every Clock starts.
var Start = time.Date(2026, time.March, 14, 9, 26, 53, 0, time.UTC)

// Lease is short so that deletions are fast.
const Lease = 40 * time.Millisecond

// EncryptionKey is the encryption key of every Store.
var EncryptionKey = []byte("the encryption key of every test")

// Clock is a clock that only moves when it is advanced.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows Start.
func NewClock() *Clock { return &Clock{now: Start} }

// Now returns the time on the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock forward by d.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Store is a Store with its clock and URL.
type Store struct {
	*models.Store
	Clock *Clock
	URL   string

	direct *sql.DB // connects to the database without the Store
}

// Each runs test as a subtest on an empty SQLite and an empty PostgreSQL database. With -short, it
// skips PostgreSQL.
func Each(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, NewSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, NewPostgreSQL(t)) })
}

// NewSQLite returns an empty Store on a new SQLite file.
func NewSQLite(t testing.TB) *Store {
	t.Helper()
	return connect(t, copySQLite(t), NewClock())
}

// NewPostgreSQL returns an empty Store in a new PostgreSQL database.
func NewPostgreSQL(t testing.TB) *Store {
	t.Helper()
	return connect(t, copyPostgreSQL(t), NewClock())
}

// SQLiteURL returns the URL of a new SQLite file.
func SQLiteURL(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "test.db")
}

// PostgreSQLURL returns the URL of a new, empty database on the server that the PG* variables name.
// The database is dropped after the test.
func PostgreSQLURL(t testing.TB) string {
	t.Helper()
	requirePostgreSQL(t)
	name := uniqueName()
	execOnServer(t, "CREATE DATABASE "+name)
	t.Cleanup(func() { execOnServer(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	return postgreSQLURL(name)
}

// requirePostgreSQL skips the test with -short. Without a server it fails the test, because a skipped
// test looks like one that passes.
func requirePostgreSQL(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("PostgreSQL is skipped with -short")
	}
	if os.Getenv("PGHOST") == "" {
		t.Fatal("this test needs a PostgreSQL server: run `make test` or `pg_virtualenv -t go test ./...` " +
			"(Debian packages postgresql and postgresql-common), or set PGHOST; -short skips PostgreSQL")
	}
}

// uniqueName returns a name for a database.
func uniqueName() string { return "test_" + strings.ToLower(rand.Text()) }

// execOnServer executes a statement on the server that the PG* variables name.
func execOnServer(t testing.TB, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%s on the PostgreSQL server at PGHOST: %v", statement, err)
	}
}

// Another returns a second node with the same database and clock.
func (s *Store) Another(t testing.TB) *Store {
	t.Helper()
	return connect(t, s.URL, s.Clock)
}

// Mailing returns a node on the same database, with the same clock, that sends email.
func (s *Store) Mailing(t testing.TB) *Store {
	t.Helper()
	return connectWith(t, s.URL, s.Clock, models.Options{SendsEmail: true})
}

// Logging returns a node with the same database and clock that logs every statement.
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
	driver, dsn := rawDSN(address)
	direct, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := direct.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Store{Store: store, Clock: clock, URL: address, direct: direct}
}

// NewWorkspace creates a workspace with an admin whose password is Password.
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
