package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"gorm.io/gorm"

	"github.com/skipup/keys/models/migrations"
)

// Migration is a schema migration that Migrate has applied.
type Migration struct {
	Version int64
	Name    string
}

// Migrate updates the schema to the current version, loads the catalog of scopes, and returns the
// migrations that it applied. Several processes may call it at the same time: one applies the migrations
// while the others wait. It returns FailedPrecondition if a restore was interrupted.
func (s *Store) Migrate(ctx context.Context) ([]Migration, error) {
	if err := s.requireRestored(ctx); err != nil {
		return nil, err
	}
	return s.migrate(ctx)
}

func (s *Store) migrate(ctx context.Context) ([]Migration, error) {
	before, err := s.SchemaVersion(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	steps := &migrationSteps{progress: s.migrationProgress}
	provider, err := s.migrations(steps)
	if err != nil {
		return nil, fmt.Errorf("prepare migrations: %w", err)
	}
	for _, source := range provider.ListSources() {
		if source.Version > before {
			steps.total++
		}
	}
	if steps.total > 0 {
		s.log.Info("updating the database schema", "version", before, "migrations", steps.total)
		steps.progress(migrationStep, 0, steps.total)
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
		name := path.Base(r.Source.Path)
		if r.Source.Type == goose.TypeGo {
			name = fmt.Sprintf("%05d_%s", r.Source.Version, s.codeMigrations()[r.Source.Version].name)
		}
		applied = append(applied, Migration{Version: r.Source.Version, Name: name})
	}
	if err := s.addStagedUsage(ctx); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	if err := s.loadScopes(s.with(ctx)); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	if s.dialect.name == sqlite { // on which nodes aren't upgraded one by one
		if err := s.FinishUpgrade(ctx); err != nil {
			return nil, fmt.Errorf("migrate: %w", err)
		}
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

// migrationSteps counts migrations. Goose calls it as its logger.
type migrationSteps struct {
	progress    Progress
	done, total int64
}

const migrationStep = "Updating the schema"

// Printf implements goose.Logger.
func (m *migrationSteps) Printf(_ string, values ...any) {
	text := fmt.Sprint(values...)
	if strings.HasPrefix(text, "OK ") || strings.HasPrefix(text, "EMPTY ") { // after a migration; see goose.MigrationResult
		m.done++
		m.progress(migrationStep, m.done, m.total)
	}
}

// Fatalf implements goose.Logger.
func (m *migrationSteps) Fatalf(string, ...any) {}

func (s *Store) migrations(steps *migrationSteps) (*goose.Provider, error) {
	db, err := s.db.DB()
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(migrations.FS, s.dialect.name)
	if err != nil {
		return nil, err
	}
	var inCode []*goose.Migration
	for version, migration := range s.codeMigrations() {
		inCode = append(inCode, goose.NewGoMigration(version, &goose.GoFunc{
			RunTx: func(ctx context.Context, tx *sql.Tx) error {
				bound := s.boundTo(ctx, tx)
				if err := bound.requireUnapplied(ctx, version); err != nil {
					return err
				}
				return migration.run(bound, ctx)
			},
		}, nil))
	}
	options := []goose.ProviderOption{goose.WithGoMigrations(inCode...), goose.WithVerbose(true), goose.WithLogger(steps)}
	if s.dialect.name == sqlite {
		return goose.NewProvider(goose.DialectSQLite3, db, files, options...)
	}
	return goose.NewProvider(goose.DialectPostgres, db, files, append(options, goose.WithSessionLocker(migrationLock{s.log, steps}))...)
}

// codeMigration is a migration that SQL can't express. Like the SQL of a migration, its result never
// changes once it is released.
type codeMigration struct {
	name string
	run  func(tx *Store, ctx context.Context) error
}

func (s *Store) codeMigrations() map[int64]codeMigration {
	return map[int64]codeMigration{
		14: {"chain_audit_events", (*Store).chainEarlierEvents},
		19: {"ascii_email_domains", (*Store).normalizeEmails},
	}
}

// requireUnapplied returns an error if another process has just applied a migration. SQL can't be applied
// twice, because what it creates exists then, but code can.
func (s *Store) requireUnapplied(ctx context.Context, version int64) error {
	var applied int64
	err := s.with(ctx).Table("goose_db_version").Where("version_id = ?", version).Count(&applied).Error
	if err == nil && applied > 0 {
		err = errors.New("another process has applied it")
	}
	return err
}

// boundTo returns a Store bound to a transaction that the caller commits.
func (s *Store) boundTo(ctx context.Context, transaction *sql.Tx) *Store {
	tx := *s
	tx.db = s.db.Session(&gorm.Session{NewDB: true, Context: ctx})
	tx.db.QueryFields = false // a table may lack columns of later migrations
	tx.db.Statement.ConnPool = transaction
	return &tx
}

// migrationLock is a PostgreSQL advisory lock for the current schema. It polls every 50 milliseconds,
// unlike goose's own lock, which polls every five seconds. Waiting inside PostgreSQL would block CREATE
// INDEX CONCURRENTLY.
type migrationLock struct {
	log   *slog.Logger
	steps *migrationSteps
}

func (l migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	for began, reported := time.Now(), false; ; {
		var locked bool
		err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock("+migrationLockID+")").Scan(&locked)
		if err != nil || locked {
			return err
		}
		if time.Since(began) > time.Second && !reported {
			reported = true
			l.log.Warn("waiting until another process has updated the database schema; if there is none, end the session that holds the advisory lock in pg_locks")
			l.steps.progress("Waiting for another process", 0, l.steps.total)
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
