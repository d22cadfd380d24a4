package models_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestOpenErrorOmitsURL(t *testing.T) {
	for _, address := range []string{
		"", "skipup.db", "sqlite:", "sqlite", "sqlite://skipup.db", ":", "postgres", "postgres:",
		"mysql://root:hunter2@db/keys",
		"POSTGRES://ada:hunter2@db/keys",
		"postgres://ada:hunter2@db:port/keys",
		"postgres://ada:hunter2@db:99999999/keys",
		"postgres://ada:hunter2@db/%zz",
		"postgres://ada:hunter2@[::1/keys",
		"postgres://ada:hunter2@db/keys?sslmode=perhaps",
		"postgres://ada:hunter2/more@db/keys?sslmode=perhaps",
		"postgres://ada:p@ss#hunter2/rd@db/keys",
		"postgres://ada:p@hunter2/rd@db/keys",
		"postgres://ada:p@hunter2?rd=1@db/keys",
		"postgres://ada:5432/hunter2@db/keys",
		"postgres://ada:p@hunter2#",
		"postgres://ada:100%hunter2@db/keys?sslmode=perhaps",
		"postgres://db/keys?user=ada&password=hunter2&sslmode=perhaps",
		"postgres://db/keys?user=ada&pass%77ord=hunter2&sslmode=perhaps",
		"postgres://ada:hunter2@db/keys?pool_max_conns=10",
		"postgres://db/keys?sslmode=require&sslpassword=hunter2&sslcert=/no/such&sslkey=/no/such",
		"hunter2",
	} {
		if err := models.CheckURL(address); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("CheckURL(%q) = %v, want an error without the password", address, err)
		}
		store, err := models.Open(address, models.Options{})
		if err == nil {
			_ = store.Close()
			t.Errorf("Open(%q) succeeded", address)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Open(%q) repeats the password: %v", address, err)
		}
	}
}

func TestOpenErrorOmitsPassword(t *testing.T) {
	store, err := models.Open("postgres://ada:hunter2@127.0.0.1:1/keys?connect_timeout=2", models.Options{})
	if err == nil {
		_ = store.Close()
		t.Fatal("a database responds on port 1")
	}
	if strings.Contains(err.Error(), "hunter2") || !models.IsUnavailable(err) {
		t.Errorf("error = %v, unavailable = %v; want true, without the password", err, models.IsUnavailable(err))
	}
}

func TestPasswordErrorMentionsPercentEncoding(t *testing.T) {
	err := models.CheckURL("postgres://ada:p@ss#w/rd@db/keys")
	if err == nil || !strings.Contains(err.Error(), "percent-encoded") {
		t.Errorf("error = %v, want advice to percent-encode", err)
	}
}

func TestPoolParametersOfOtherPrograms(t *testing.T) {
	err := models.CheckURL("postgres://ada@db/keys?pool_max_conns=10")
	if err == nil || !strings.Contains(err.Error(), "SKIPUP_DATABASE_CONNECTIONS") {
		t.Errorf("error = %v, want the setting to use instead", err)
	}
}

// TestDatabase checks that the URL for operators tells databases apart and omits the credentials.
func TestDatabase(t *testing.T) {
	for _, name := range []string{"PGHOST", "PGPORT", "PGDATABASE"} { // defaults of a URL without these parts
		t.Setenv(name, "")
	}
	dir := t.TempDir()
	t.Chdir(dir)
	tests := []struct{ url, want string }{
		{"sqlite:skipup.db", "sqlite:" + filepath.Join(dir, "skipup.db")},
		{"postgres://ada:hunter2@db.internal/keys", "postgres://db.internal:5432/keys"},
		{"postgres://ada:p%23%2F%40@db.internal:6000/keys?sslmode=disable", "postgres://db.internal:6000/keys"},
		{"postgres://db.internal?user=ada&password=hunter2", "postgres://db.internal:5432/ada"},
		{"postgres://ada@a:1,b:2/keys?sslmode=prefer", "postgres://a:1,b:2/keys"},
		{"postgres://[::1]/keys?user=ada", "postgres://[::1]:5432/keys"},
	}
	for _, tt := range tests {
		if got, err := models.ShownURL(tt.url); err != nil || got != tt.want {
			t.Errorf("database of %q = %q, %v, want %q", tt.url, got, err, tt.want)
		}
	}
}

func TestSQLiteFileName(t *testing.T) {
	for _, name := range []string{
		"skipup.db", "with space.db", "what?.db", "a?_pragma=foreign_keys(0).db", "#1.db", "100%.db", "a%20b.db", "%41.db", "a&b=c;d.db",
		"données-日本-🔑.db", "decomposed-e\u0301.db", `quo"te's.db`, `back\slash.db`, "file:x.db", ":memory:", "memory:", "+plus.db", "..db", "[a].db", "\xff.db",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			useSQLite(t, path)
			wantFiles(t, dir, name)
		})
	}
}

func TestSQLiteRelativePath(t *testing.T) {
	for _, name := range []string{"skipup.db", "./skipup.db", "a b?#%.db", ":memory:", "file:x.db", "sub/../skipup.db"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			if err := os.Mkdir("sub", 0o700); err != nil {
				t.Fatal(err)
			}
			useSQLite(t, name)
			wantFiles(t, dir, slices.Sorted(slices.Values([]string{filepath.Base(name), "sub"}))...)
		})
	}
}

func TestSQLiteFileIsPersistent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "what? 100%.db")
	useSQLite(t, path)
	store, err := models.Open("sqlite:"+path, models.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if steps, err := store.Migrate(t.Context()); err != nil || len(steps) != 0 {
		t.Errorf("second Migrate = %v, %v; want no migrations", steps, err)
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "5000", "synchronous": "2"} {
		var got string
		if err := store.DB().Raw("PRAGMA " + pragma).Scan(&got).Error; err != nil || got != want {
			t.Errorf("%s = %q, error = %v; want %q", pragma, got, err, want)
		}
	}
}

func useSQLite(t *testing.T, path string) {
	t.Helper()
	store, err := models.Open("sqlite:"+path, models.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Migrate(t.Context()); err != nil {
		t.Error(err)
	}
	if needed, err := store.NeedsSetup(t.Context()); err != nil || !needed {
		t.Errorf("NeedsSetup = %v, %v", needed, err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestConnectionsHaveAName(t *testing.T) {
	t.Parallel()
	address := modelstest.PostgreSQLURL(t)
	for more, want := range map[string]string{"": "skipup", "&application_name=keys": "keys"} {
		var name string
		if err := modelstest.Unmigrated(t, address+more).DB().Raw("SELECT current_setting('application_name')").Scan(&name).Error; err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "application_name", name, want)
	}
}

// TestConnectionsAreLimited counts the connections of a busy node, including those for polls and notifications.
func TestConnectionsAreLimited(t *testing.T) {
	t.Parallel()
	s := modelstest.NewPostgreSQL(t)
	s.URL += "&application_name=limited"
	node := s.Limited(t, models.MinConnections)
	go node.ListenForKeyChanges(t.Context())
	var busy errgroup.Group
	for range 2 * models.MinConnections {
		busy.Go(func() error {
			return errors.Join(node.DB().Exec("SELECT pg_sleep(0.05)").Error, node.Polls().Exec("SELECT pg_sleep(0.05)").Error)
		})
	}
	if err := busy.Wait(); err != nil {
		t.Fatal(err)
	}
	for !node.HintsArrive() {
		time.Sleep(time.Millisecond)
	}
	var open int
	if err := node.DB().Raw("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'limited'").Scan(&open).Error; err != nil {
		t.Fatal(err)
	}
	if open > models.MinConnections {
		t.Errorf("open connections = %d, want at most %d", open, models.MinConnections)
	}
}
