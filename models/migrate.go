package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/skipup/keys/models/migrations"
)

// Migration is a schema migration that Migrate has applied.
type Migration struct {
	Version int64
	Name    string
}

// Migrate updates the schema to the current version and returns the migrations that it applied. Several
// processes may call it at the same time: one applies the migrations while the others wait.
func (s *Store) Migrate(ctx context.Context) ([]Migration, error) {
	provider, err := s.migrations()
	if err != nil {
		return nil, fmt.Errorf("prepare migrations: %w", err)
	}
	results, err := provider.Up(ctx)
	for wait := 50 * time.Millisecond; err != nil && s.dialect.name == sqlite && wait < time.Second; wait *= 2 {
		// Another process may have applied the same migration first.
		if sleepErr := sleep(ctx, wait); sleepErr != nil {
			return nil, sleepErr
		}
		results, err = provider.Up(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	applied := make([]Migration, 0, len(results))
	for _, r := range results {
		applied = append(applied, Migration{Version: r.Source.Version, Name: path.Base(r.Source.Path)})
	}
	if err := errors.Join(s.chainEarlierEvents(ctx), s.addStagedUsage(ctx)); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	return applied, nil
}

// sleep waits for d or until ctx is done, and then returns the error of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (s *Store) migrations() (*goose.Provider, error) {
	db, err := s.db.DB()
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(migrations.FS, s.dialect.name)
	if err != nil {
		return nil, err
	}
	if s.dialect.name == sqlite {
		return goose.NewProvider(goose.DialectSQLite3, db, files)
	}
	return goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(migrationLock{}))
}

// migrationLock is a PostgreSQL advisory lock for the current schema. It polls every 50 milliseconds,
// unlike goose's own lock, which polls every five seconds. Waiting inside PostgreSQL would block CREATE
// INDEX CONCURRENTLY.
type migrationLock struct{}

func (migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	for {
		var locked bool
		err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock("+migrationLockID+")").Scan(&locked)
		if err != nil || locked {
			return err
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

func (migrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock("+migrationLockID+")")
	return err
}

const migrationLockID = "hashtext('skipup migrations'), hashtext(current_schema())"
