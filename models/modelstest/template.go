package modelstest

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
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
