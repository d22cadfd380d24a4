package modelstest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/migrations"
)

// Migrating a database takes much longer than copying a migrated one, so each test gets a copy.

// sqliteTemplate returns the contents of a migrated SQLite database.
var sqliteTemplate = sync.OnceValues(func() (contents []byte, err error) {
	dir, err := os.MkdirTemp("", "modelstest")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "template.db")
	if err := migrate("sqlite:" + file); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

// copySQLite returns the URL of a copy of the migrated database.
func copySQLite(t testing.TB) string {
	t.Helper()
	contents, err := sqliteTemplate()
	if err != nil {
		t.Fatalf("create the SQLite template: %v", err)
	}
	file := filepath.Join(t.TempDir(), "test.db")
	if err := os.WriteFile(file, contents, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + file
}

// postgresTemplate returns the name of a migrated PostgreSQL database. Its name depends on the
// migrations, so that all test packages share it. It stays on the server.
var postgresTemplate = sync.OnceValues(func() (name string, err error) {
	ctx := context.Background()
	pool, err := sql.Open("pgx", "")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	conn, err := pool.Conn(ctx) // advisory locks belong to a connection
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(hashtext('modelstest'))"); err != nil {
		return "", err
	}
	name, err = templateName()
	if err != nil {
		return "", err
	}
	var exists bool
	err = conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)", name).Scan(&exists)
	if err != nil || exists {
		return name, err
	}
	unfinished := name + "_new"
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + unfinished, "CREATE DATABASE " + unfinished} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return "", err
		}
	}
	if err := migrate(postgreSQLURL(unfinished)); err != nil {
		return "", err
	}
	_, err = conn.ExecContext(ctx, "ALTER DATABASE "+unfinished+" RENAME TO "+name)
	return name, err
})

// templateName returns a name that changes with the migrations and the lease.
func templateName() (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, Lease)
	err := fs.WalkDir(migrations.FS, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		contents, err := fs.ReadFile(migrations.FS, path)
		fmt.Fprintf(hash, "%s %d\n%s", path, len(contents), contents)
		return err
	})
	return fmt.Sprintf("skipup_template_%x", hash.Sum(nil)[:8]), err
}

// copyPostgreSQL returns the URL of a copy of the migrated database, which is dropped after the test.
func copyPostgreSQL(t testing.TB) string {
	t.Helper()
	requirePostgreSQL(t)
	template, err := postgresTemplate()
	if err != nil {
		t.Fatalf("create the template on the PostgreSQL server at PGHOST: %v", err)
	}
	name := uniqueName()
	execOnServer(t, "CREATE DATABASE "+name+" TEMPLATE "+template)
	t.Cleanup(func() { execOnServer(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	return postgreSQLURL(name)
}

func postgreSQLURL(database string) string {
	return (&url.URL{Scheme: "postgres", Path: "/" + database}).String()
}

// migrate migrates the database at a URL and sets the short lease.
func migrate(databaseURL string) (err error) {
	store, err := models.Open(databaseURL, models.Options{Clock: NewClock().Now, Passwords: &cheap, EncryptionKeys: [][]byte{EncryptionKey}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if _, err := store.Migrate(context.Background()); err != nil {
		return err
	}
	driver, dsn := rawDSN(databaseURL)
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	_, err = db.Exec("UPDATE revocation SET lease_ms = $1, wait_ms = $1", Lease.Milliseconds())
	return errors.Join(err, db.Close())
}
