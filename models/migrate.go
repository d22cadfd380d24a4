package models

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/skipup/keys/models/migrations"
)

// Migration is one step of the schema that Migrate has applied.
type Migration struct {
	Version int64
	Name    string
}

// Migrate brings the schema up to date and returns the steps that it took. Nodes that start
// at once do not collide: on PostgreSQL an advisory lock lets one work while the others wait,
// on SQLite the write lock does.
func (s *Store) Migrate(ctx context.Context) ([]Migration, error) {
	provider, err := s.migrations()
	if err != nil {
		return nil, fmt.Errorf("prepare migrations: %w", err)
	}
	results, err := provider.Up(ctx)
	for wait := 50 * time.Millisecond; err != nil && s.dialect.name == sqlite && wait < time.Second; wait *= 2 {
		// Another process may have taken the same step first: each step is one transaction, so
		// look again from where the schema stands now.
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
	return applied, nil
}

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
	steps, err := fs.Sub(migrations.FS, s.dialect.name)
	if err != nil {
		return nil, err
	}
	if s.dialect.name == sqlite {
		return goose.NewProvider(goose.DialectSQLite3, db, steps)
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, steps, goose.WithSessionLocker(locker))
}
