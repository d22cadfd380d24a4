// Package modelstest provides tests with an empty Store on each database.
package modelstest

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
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

const setLease = "UPDATE revocation SET node_lease_ms = $1, node_wait_ms = $1"

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

// SQLiteURL returns the URL of a new SQLite file.
func SQLiteURL(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "test.db")
}

// Unmigrated returns a Store on a database whose schema is still empty.
func Unmigrated(t testing.TB, address string) *Store {
	t.Helper()
	return connect(t, address, NewClock())
}

// Another returns a second node with the same database and clock.
func (s *Store) Another(t testing.TB) *Store {
	t.Helper()
	return connect(t, s.URL, s.Clock)
}

// Skewed returns a node on the same database, which has its real clock. The clock of the node is off by skew.
func (s *Store) Skewed(t testing.TB, skew time.Duration) *Store {
	t.Helper()
	return connectWith(t, s.URL, s.Clock, models.Options{SendsEmail: true, NodeClock: func() time.Time { return time.Now().Add(skew) }})
}

// Mailing returns a node on the same database, with the same clock, that sends email.
func (s *Store) Mailing(t testing.TB) *Store {
	t.Helper()
	return connectWith(t, s.URL, s.Clock, models.Options{SendsEmail: true})
}

// Logging returns a node with the same database and clock that logs every statement, and sends email if s
// does.
func (s *Store) Logging(t testing.TB, log *slog.Logger) *Store {
	t.Helper()
	return connectWith(t, s.URL, s.Clock, models.Options{Log: log, SlowQuery: time.Nanosecond, SendsEmail: s.SendsEmail()})
}

// Limiting returns a node with the same database and clock whose keys have a rate limit by default.
func (s *Store) Limiting(t testing.TB, keyRateLimit int) *Store {
	t.Helper()
	return connectWith(t, s.URL, s.Clock, models.Options{KeyRateLimit: keyRateLimit})
}

// Keeping returns a node with the same database and clock that keeps data for other times than the defaults.
func (s *Store) Keeping(t testing.TB, retention models.Retention) *Store {
	t.Helper()
	return connectWith(t, s.URL, s.Clock, models.Options{Retention: retention})
}

// Limited returns a node with the same database and clock that opens a limited number of connections.
func (s *Store) Limited(t testing.TB, connections int) *Store {
	t.Helper()
	return connectWith(t, s.URL, s.Clock, models.Options{Connections: connections})
}

// WithProviderRoles returns another Store on the same database and clock, in which groups of the provider of single
// sign-on give roles.
func (s *Store) WithProviderRoles(t testing.TB, roles ...models.ProviderRole) *Store {
	t.Helper()
	return connectWith(t, s.URL, s.Clock, models.Options{ProviderRoles: roles})
}

func connect(t testing.TB, address string, clock *Clock) *Store {
	t.Helper()
	return connectWith(t, address, clock, models.Options{})
}

func connectWith(t testing.TB, address string, clock *Clock, options models.Options) *Store {
	t.Helper()
	options.Passwords = &cheap
	if options.NodeClock == nil {
		options.Clock = clock.Now
	}
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

// Disconnect closes all connections to the database, so that it can be replaced.
func (s *Store) Disconnect(t testing.TB) {
	t.Helper()
	if err := errors.Join(s.Close(), s.direct.Close()); err != nil {
		t.Fatal(err)
	}
}

// NewWorkspace creates a workspace with an admin, whose password is Password unless they have an account.
func (s *Store) NewWorkspace(t testing.TB, name, email string) (*models.Workspace, *models.Member) {
	t.Helper()
	n := models.NewWorkspace{Name: name, AdminEmail: email, AdminName: "Ada Admin", Password: Password}
	exists, err := s.HasAccount(context.Background(), email)
	if err != nil {
		t.Fatal(err)
	}
	if exists {
		n.Password, n.ExistingAccount = "", true
	}
	workspace, admin, err := s.CreateWorkspace(context.Background(), n)
	if err != nil {
		t.Fatalf("create workspace: %v", err)
	}
	return workspace, admin
}
