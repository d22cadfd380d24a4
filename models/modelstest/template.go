package modelstest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/skipup/keys/models"
)

// sqliteTemplate returns the contents of a migrated SQLite database. Copying them takes much less time
// than migrating a database for each test.
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

// postgresTemplate returns the statements that create a migrated PostgreSQL schema, and the name of the
// schema in them. Executing them takes much less time than applying the migrations or copying a template
// database.
var postgresTemplate = sync.OnceValues(func() (template struct{ schema, statements string }, err error) {
	schema, drop, err := createSchema()
	if err != nil {
		return template, err
	}
	defer func() { err = errors.Join(err, drop()) }()
	if err := migrate(schemaURL(schema)); err != nil {
		return template, err
	}
	dump := exec.Command("pg_dump", "--schema", schema, "--inserts", "--no-owner")
	dump.Stderr = os.Stderr
	out, err := dump.Output()
	if err != nil {
		return template, fmt.Errorf("pg_dump (Debian package postgresql-client): %w", err)
	}
	var statements strings.Builder
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, `\`) && !strings.HasPrefix(line, "CREATE SCHEMA") { // commands of psql, and what exists
			statements.WriteString(line)
		}
	}
	template.schema, template.statements = schema, statements.String()
	return template, nil
})

// copyPostgreSQL copies the migrated schema to the empty schema at a URL.
func copyPostgreSQL(t testing.TB, address string) {
	t.Helper()
	template, err := postgresTemplate()
	if err != nil {
		t.Fatalf("create the PostgreSQL template: %v", err)
	}
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(strings.ReplaceAll(template.statements, template.schema, parsed.Query().Get("search_path"))); err != nil {
		t.Fatalf("create a copy of the PostgreSQL template: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
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
	_, err = db.Exec(setLease, Lease.Milliseconds())
	return errors.Join(err, db.Close())
}
