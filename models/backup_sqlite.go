package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
)

const (
	pageSize     = 4096 // SQLite's default, in bytes
	pagesPerStep = 1024 // that a backup copies before it reports its progress
)

// copySQLite writes the database as the transaction of a connection sees it. Others can write meanwhile,
// because the transaction keeps its snapshot. It uses a temporary file.
func copySQLite(ctx context.Context, connection *sql.Conn, temporary string, w io.Writer, progress Progress) (err error) {
	defer func() { err = errors.Join(err, removeSQLite(temporary)) }()
	file, err := os.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("create a copy of the database: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	err = connection.Raw(func(raw any) error {
		return copyPages(ctx, raw.(driver.Conn).Raw(), temporary, progress)
	})
	if err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	if err := checkSQLite(temporary); err != nil {
		return fmt.Errorf("check the copy of the database: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	read := &progressReader{Reader: file, ctx: ctx, progress: func(done int64) { progress("Compressing", done, info.Size()) }}
	_, err = io.Copy(w, read)
	return err
}

func copyPages(ctx context.Context, from *sqlite3.Conn, to string, progress Progress) (err error) {
	backup, err := from.BackupInit("main", sqliteURI(to, nil))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, backup.Close()) }()
	for done := false; !done; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if done, err = backup.Step(pagesPerStep); err != nil {
			return err
		}
		total := int64(backup.PageCount())
		progress("Copying", (total-int64(backup.Remaining()))*pageSize, total*pageSize)
	}
	return nil
}

// checkSQLite returns an error if the file of a database is damaged. It makes the file self-contained:
// the write-ahead log, which the program uses, is in another file.
func checkSQLite(path string) (err error) {
	connection, err := sqlite3.Open(sqliteURI(path, nil))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	if err := connection.Exec("PRAGMA journal_mode = delete"); err != nil {
		return err
	}
	if err := connection.Exec("SELECT 1 FROM goose_db_version"); err != nil { // an empty database passes the next check
		return err
	}
	statement, _, err := connection.Prepare("PRAGMA quick_check(1)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, statement.Close()) }()
	if statement.Step() && statement.ColumnText(0) != "ok" {
		return errors.Join(sqlite3.CORRUPT, errors.New(statement.ColumnText(0)))
	}
	return statement.Err()
}

// sqliteURI returns the URI of a file of SQLite. The path must be absolute.
func sqliteURI(path string, query url.Values) string {
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String()
}

// removeSQLite removes a database and the files that SQLite creates next to it.
func removeSQLite(path string) error {
	var failed []error
	for _, end := range sqliteFiles {
		if err := os.Remove(path + end); err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
