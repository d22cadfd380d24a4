package models

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/ncruces/go-sqlite3"
)

// sqliteFile watches that the file of a SQLite database stays at its path. If the file is deleted or
// replaced, SQLite would go on writing to the old one, and all of that would be lost at the next start.
type sqliteFile struct {
	path string
	turn chan struct{} // holds a value while a writer has its turn

	mu     sync.Mutex
	opened os.FileInfo // of the file that the first connection opened
}

func newSQLiteFile(path string) *sqliteFile {
	return &sqliteFile{path: path, turn: make(chan struct{}, 1)}
}

var errFileReplaced = errors.New("the database file was deleted or replaced while the server runs")

// check returns errFileReplaced if another file, or none, is at the path of the database.
func (f *sqliteFile) check() error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	found, err := os.Stat(f.path)
	switch {
	case f.opened == nil && err == nil:
		f.opened = found
		return nil
	case f.opened == nil:
		return nil // not created yet
	case errors.Is(err, os.ErrNotExist), err == nil && !os.SameFile(f.opened, found):
		return errFileReplaced
	}
	return nil // a file that can't be examined isn't known to be another one
}

// guard makes a connection refuse to commit once the file has been replaced.
func (f *sqliteFile) guard(connection *sqlite3.Conn) error {
	_ = f.check() // remembers the first file
	connection.CommitHook(func() bool { return f.check() == nil })
	return nil
}

// sqliteFiles are the ends of the names of the files of a database: the database, what SQLite creates
// next to it, and the reserve.
var sqliteFiles = []string{"", "-wal", "-shm", "-journal", ".reserve"}

// protect takes permissions for other users from files that exist already, because a database has
// everyone's email addresses and the hashes of passwords and keys.
func (f *sqliteFile) protect() error {
	if f == nil {
		return nil
	}
	var failed []error
	for _, end := range sqliteFiles {
		info, err := os.Stat(f.path + end)
		if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
			failed = append(failed, os.Chmod(f.path+end, info.Mode().Perm()&0o700))
		}
	}
	return errors.Join(failed...)
}

// CheckFile returns an error if the file of a SQLite database was deleted or replaced while it is
// open. Every write then fails.
func (s *Store) CheckFile() error { return s.dialect.file.check() }

// maxWAL is the size of the write-ahead log in bytes above which Optimize empties it.
const maxWAL = 64 << 20

// Optimize updates the statistics of a SQLite database that have become inaccurate, and empties its
// write-ahead log if that is large. SQLite empties it by itself only when there are no readers.
func (s *Store) Optimize(ctx context.Context) error {
	if s.dialect.name != sqlite {
		return nil
	}
	if err := s.with(ctx).Exec("PRAGMA optimize").Error; err != nil {
		return fmt.Errorf("optimize the database: %w", err)
	}
	info, err := os.Stat(s.dialect.file.path + "-wal")
	if err != nil || info.Size() <= maxWAL {
		return ignoreMissing(err)
	}
	return s.emptyWAL(ctx)
}

// emptyWAL empties the write-ahead log, unless others read an earlier state or write. It waits for them only
// briefly, because writers wait for it.
func (s *Store) emptyWAL(ctx context.Context) error {
	pool, err := s.db.DB()
	if err != nil {
		return err
	}
	connection, err := pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	_, err = connection.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = 100; PRAGMA wal_checkpoint(truncate); PRAGMA busy_timeout = %d", writeTimeout.Milliseconds()))
	if errors.Is(err, sqlite3.BUSY) {
		_, err = connection.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", writeTimeout.Milliseconds()))
	}
	if err := errors.Join(err, connection.Close()); err != nil {
		return fmt.Errorf("empty the write-ahead log: %w", err)
	}
	return nil
}

// reserveSize is the size of the reserve in bytes, enough for thousands of deletions.
const reserveSize = 4 << 20

func (f *sqliteFile) reserve() string { return f.path + ".reserve" }

// KeepReserve creates a file next to a SQLite database that takes up space, unless there is one. Once
// the disk is full, deleting a key frees that space and succeeds. It creates nothing if there isn't
// enough space.
func (s *Store) KeepReserve() error {
	file := s.dialect.file
	if file == nil || file.check() != nil {
		return nil
	}
	reserve, err := os.OpenFile(file.reserve(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = reserve.Write(make([]byte, reserveSize))
	if err := errors.Join(err, reserve.Close()); err != nil {
		return errors.Join(err, os.Remove(file.reserve()))
	}
	return nil
}

// releaseReserve frees the reserve and reports whether there was one.
func (f *sqliteFile) releaseReserve() bool { return f != nil && os.Remove(f.reserve()) == nil }

// errNoSpace is added to the errors of transactions that fail because the disk is full.
var errNoSpace = errors.New("no space left")

// probeSize is more than SQLite needs to write at once.
const probeSize = 64 << 10

// explain adds errNoSpace to the error of a transaction if the disk is full. SQLite reports a full disk
// as an I/O error without a cause, so explain tries to write another file.
func (f *sqliteFile) explain(err error) error {
	switch {
	case errors.Is(err, sqlite3.FULL), errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: %w", errNoSpace, err)
	case f == nil, !errors.Is(err, sqlite3.IOERR):
		return err
	}
	probe, probeErr := os.CreateTemp(filepath.Dir(f.path), filepath.Base(f.path)+".probe-*")
	if probeErr == nil {
		_, probeErr = probe.Write(make([]byte, probeSize))
		_, _ = probe.Close(), os.Remove(probe.Name())
	}
	if errors.Is(probeErr, syscall.ENOSPC) {
		return fmt.Errorf("%w: %w", errNoSpace, err)
	}
	return err
}

// hasCode reports whether err has a code. The driver passes on the errors of its settings as text.
func hasCode(err error, code sqlite3.ErrorCode) bool {
	return errors.Is(err, code) || err != nil && strings.Contains(err.Error(), code.Error())
}

// ExplainOpen returns what is wrong with a SQLite database that can't be opened and what to do, or ""
// if the error says nothing about that.
func ExplainOpen(databaseURL string, err error) string {
	path, isSQLite := SQLiteFile(databaseURL)
	if !isSQLite {
		return ""
	}
	folder := filepath.Dir(path)
	switch info, statErr := os.Stat(path); {
	case hasCode(err, sqlite3.NOTADB):
		return path + " isn't a SQLite database. Check the path, or restore the file from a backup"
	case hasCode(err, sqlite3.CORRUPT):
		return path + " is damaged. Restore it from a backup"
	case hasCode(err, sqlite3.FULL):
		return "no space left on the disk of " + path + ". Free some space"
	case statErr == nil && info.IsDir():
		return path + " is a folder. Add the name of a file to the path"
	case !isFolder(folder):
		return fmt.Sprintf("the folder %s doesn't exist. Create it, or check the path", folder)
	case hasCode(err, sqlite3.READONLY), hasCode(err, sqlite3.CANTOPEN), hasCode(err, sqlite3.PERM), errors.Is(err, os.ErrPermission):
		return fmt.Sprintf("%s can't be written. Give the server's user permission to write the file and its folder %s, and check that the disk isn't read-only", path, folder)
	}
	return ""
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
