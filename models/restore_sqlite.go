package models

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// prepareSQLite unpacks and checks the backup next to the database, and compares the two.
func (r *Restore) prepareSQLite(ctx context.Context) error {
	if err := r.unpackSQLite(ctx); err != nil {
		return err
	}
	path := r.dialect.file.path
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return ignoreMissing(err)
	}
	r.Replaces.Exists = true
	locked, err := lockSQLite(path)
	if err != nil || locked == nil { // it is damaged
		return err
	}
	if err := locked.Close(); err != nil {
		return err
	}
	current, err := Open(r.url, Options{})
	if err != nil {
		return err
	}
	return errors.Join(r.compareSQLite(ctx, current), current.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// unpackSQLite writes the database of the backup to r.draft.
func (r *Restore) unpackSQLite(ctx context.Context) error {
	path := r.dialect.file.path
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".restore-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("create a database next to %s: %w", path, err)
	}
	r.draft = draft.Name()
	err = r.backup.copyTo(ctx, draft, "Unpacking", r.options.Progress)
	if err := errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return err
	}
	if err := checkSQLite(r.draft); err != nil {
		return errNoBackup(r.backup.path)
	}
	return nil
}

// lockSQLite returns a connection that keeps others from opening a database. It returns FailedPrecondition
// if another process has opened it, and nil if it is damaged.
func lockSQLite(path string) (*sqlite3.Conn, error) {
	connection, err := sqlite3.Open(sqliteURI(path, nil))
	if err == nil {
		// The write-ahead log would belong to the next database with the same name.
		err = connection.Exec("PRAGMA busy_timeout = 1000; PRAGMA journal_mode = delete; BEGIN EXCLUSIVE")
	}
	switch {
	case err == nil:
		return connection, nil
	case hasCode(err, sqlite3.NOTADB), hasCode(err, sqlite3.CORRUPT):
		return nil, connection.Close()
	case hasCode(err, sqlite3.BUSY), hasCode(err, sqlite3.LOCKED):
		err = Errorf(FailedPrecondition, "%s is in use by another process. Stop the server, and try again.", path)
	}
	return nil, errors.Join(err, connection.Close())
}

func (r *Restore) compareSQLite(ctx context.Context, current *Store) error {
	version, err := current.SchemaVersion(ctx)
	if err != nil || version == 0 {
		r.Replaces.Exists = version > 0
		return err
	}
	backup, err := Open(sqlite+":"+r.draft, Options{})
	if err != nil {
		return err
	}
	err = r.compare(ctx, current, func(live func(id string)) error {
		var ids []string
		err := backup.with(ctx).Table("api_keys").Where("deleted_at IS NULL").Pluck("id", &ids).Error
		for _, id := range ids {
			live(id)
		}
		return err
	})
	return errors.Join(err, backup.Close())
}

// runSQLite replaces the file of the database, and keeps it under another name.
func (r *Restore) runSQLite(ctx context.Context) (done Restored, err error) {
	s, err := Open(sqlite+":"+r.draft, Options{EncryptionKeys: r.options.EncryptionKeys})
	if err != nil {
		return done, err
	}
	done, err = r.finish(ctx, s)
	if err := errors.Join(err, s.Close()); err != nil {
		return done, err
	}
	if err := checkSQLite(r.draft); err != nil {
		return done, fmt.Errorf("check the restored database: %w", err)
	}
	done.Kept, err = r.replaceSQLite()
	return done, err
}

// replaceSQLite gives r.draft the name of the database while no other process can open that.
func (r *Restore) replaceSQLite() (kept string, err error) {
	path := r.dialect.file.path
	if _, err := os.Stat(path); err == nil {
		locked, err := lockSQLite(path)
		if err != nil {
			return "", err
		}
		defer func() { _ = locked.Close() }() // it has changed nothing
	}
	if r.Replaces.Exists {
		kept = path + ".replaced-" + time.Now().UTC().Format("20060102T150405Z")
		if err := keepSQLite(path, kept); err != nil {
			return "", fmt.Errorf("keep the replaced database: %w", err)
		}
	}
	return kept, publishFile(r.draft, path, true)
}

// keepSQLite gives a database a second name, and the other files of a damaged one only that name.
func keepSQLite(path, kept string) error {
	for _, end := range []string{"-wal", "-shm", "-journal"} {
		if err := ignoreMissing(os.Rename(path+end, kept+end)); err != nil {
			return err
		}
	}
	if err := os.Link(path, kept); err != nil { // the file system may not support it
		return os.Rename(path, kept)
	}
	return nil
}
