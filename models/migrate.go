package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
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

func (s *Store) migrate(ctx context.Context) (applied []Migration, err error) {
	err = s.withMigrationLock(ctx, func() error {
		applied, err = s.applyMigrations(ctx)
		return err
	})
	if err == nil {
		err = s.requireSupported(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
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

// RequireCurrent loads the catalog of scopes as Migrate does, but changes nothing. It returns FailedPrecondition
// unless the schema is that of this program.
func (s *Store) RequireCurrent(ctx context.Context) error {
	version, err := s.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	if latest := LatestSchema(); version != latest {
		return Errorf(FailedPrecondition, "The schema has version %d, and this program uses %d. Run \"skipup migrate\".", version, latest)
	}
	return s.loadScopes(s.with(ctx))
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

const migrationStep = "Updating the schema"

// applyMigrations applies the migrations that the database lacks.
func (s *Store) applyMigrations(ctx context.Context) (applied []Migration, err error) {
	before, err := s.SchemaVersion(ctx)
	if err != nil {
		return nil, err
	}
	provider, err := s.migrations()
	if err != nil {
		return nil, err
	}
	var total int64
	for _, source := range provider.ListSources() {
		if source.Version > before {
			total++
		}
	}
	isNew := before == 0
	switch {
	case isNew:
		s.log.Info("creating the database schema")
	case total > 0:
		s.log.Info("updating the database schema", "version", before, "migrations", total)
	}
	if total > 0 {
		s.migrationProgress(migrationStep, 0, total)
	}
	for {
		result, err := s.applyNext(ctx, provider)
		if errors.Is(err, goose.ErrNoNextVersion) {
			return applied, nil
		}
		if err != nil {
			return nil, err
		}
		name := path.Base(result.Source.Path)
		if result.Source.Type == goose.TypeGo {
			name = fmt.Sprintf("%05d_%s", result.Source.Version, s.codeMigrations()[result.Source.Version].name)
		}
		applied = append(applied, Migration{Version: result.Source.Version, Name: name})
		if !isNew { // otherwise the list would hide the setup link
			s.log.Info("applied migration", "version", result.Source.Version, "name", name)
		}
		s.migrationProgress(migrationStep, int64(len(applied)), total)
	}
}

// migrationLockTimeout is how long requests may have to wait behind a migration that waits for a lock.
const migrationLockTimeout = 500 * time.Millisecond

// applyNext applies one migration. If it fails because of another process, it tries again. On PostgreSQL, that is a
// session with a lock that the migration needs. Because others wait for the table while the migration waits, it gives up
// soon, and leaves them longer and longer pauses. On SQLite, another process may have applied the same migration first, so
// that it tries again for as long as the other makes progress.
func (s *Store) applyNext(ctx context.Context, provider *goose.Provider) (*goose.MigrationResult, error) {
	const firstWait, longestWait = 50 * time.Millisecond, 3 * time.Second
	began, reported := time.Now(), false
	for last, wait := int64(-1), firstWait; ; wait = min(2*wait, longestWait) {
		result, err := provider.UpByOne(withLockTimeout(ctx, migrationLockTimeout))
		switch {
		case err == nil, errors.Is(err, goose.ErrNoNextVersion):
			return result, err
		case s.dialect.name == sqlite:
			version, versionErr := s.SchemaVersion(ctx)
			if versionErr == nil && version > last {
				last, wait = version, firstWait
			}
			if wait > time.Second {
				return nil, err
			}
		case !lostLock(err):
			return nil, err
		case time.Since(began) > time.Second && !reported:
			reported = true
			s.log.Warn("waiting for a table that other transactions use; if one of them doesn't end, end its session, which has the oldest xact_start in pg_stat_activity", slog.Any("error", err))
			s.migrationProgress("Waiting for another transaction", 0, 0)
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// lostLock reports whether PostgreSQL ended a transaction because another one had a lock that it needed.
func lostLock(err error) bool {
	server, is := errors.AsType[*pgconn.PgError](err)
	return is && (server.Code == deadlockDetected || server.Code == lockNotAvailable)
}

// requireSupported returns FailedPrecondition if the schema is newer than this program and doesn't say that
// this program may still use it.
func (s *Store) requireSupported(ctx context.Context) error {
	version, err := s.SchemaVersion(ctx)
	latest := LatestSchema()
	if err != nil || version <= latest {
		return err
	}
	oldest, err := s.oldestProgram(ctx)
	if err != nil {
		return err
	}
	if oldest > latest {
		return Errorf(FailedPrecondition, "A newer version of skipup has updated the database to schema version %d, and only versions that know schema version %d may use it. "+
			"This one knows %d. Start the newer version, or restore a backup from before the update.", version, oldest, latest)
	}
	s.log.Info("a newer version has updated the database schema, which this version can still use", "schema", version, "known", latest)
	return nil
}

// oldestProgram returns the latest version of the schema that a program must know to use this one.
func (s *Store) oldestProgram(ctx context.Context) (oldest int64, err error) {
	if err := s.with(ctx).Table("installation").Select("oldest_program").Take(&oldest).Error; err != nil {
		return 0, fmt.Errorf("read which programs may use the schema: %w", err)
	}
	return oldest, nil
}

// ErrOutdated means that a newer version has migrated the database while this program was running, and that this
// program may no longer use it. It would judge keys by rules that a migration has replaced.
//
// The guarantee of package keyauth holds from the migration on. KeyChanges returns this error if it reads the epoch of a
// later change, so that the node neither acknowledges the change nor extends its lease, and the change waits until
// the lease has ended. APIKeyByDigest returns it from then on, also for nodes that ask this server, so that nothing is
// verified from the database either. Nor can this program change keys.
var ErrOutdated = Errorf(FailedPrecondition, "A newer version of skipup has updated the database, and this version may no longer use it. Start the newer version.")

// RequireSupported returns ErrOutdated if this program may no longer use the database.
func (s *Store) RequireSupported(ctx context.Context) error {
	oldest, err := s.oldestProgram(ctx)
	if err == nil && isOutdated(oldest) {
		err = ErrOutdated
	}
	return err
}

func isOutdated(oldestProgram int64) bool { return oldestProgram > LatestSchema() }

func (s *Store) migrations() (*goose.Provider, error) {
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
				return migration.run(s.boundTo(ctx, tx), ctx)
			},
		}, nil))
	}
	dialect := database.DialectPostgres
	if s.dialect.name == sqlite {
		dialect = database.DialectSQLite3
	}
	table, err := database.NewStore(dialect, goose.DefaultTablename)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectCustom, db, files, goose.WithGoMigrations(inCode...), goose.WithStore(appliedOnce{table.(database.StoreExtender)}))
}

// appliedOnce is the table of applied migrations. It fails the transaction of a migration that another process has
// just applied. On SQLite, processes may start the same one at once, and not every migration fails when it is repeated.
type appliedOnce struct{ database.StoreExtender }

// Insert implements database.Store.
func (a appliedOnce) Insert(ctx context.Context, tx database.DBTxConn, request database.InsertRequest) error {
	_, err := a.GetMigration(ctx, tx, request.Version)
	switch {
	case errors.Is(err, database.ErrVersionNotFound):
		return a.StoreExtender.Insert(ctx, tx, request)
	case err != nil:
		return err
	}
	return fmt.Errorf("another process has applied migration %d", request.Version)
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

// boundTo returns a Store bound to a transaction that the caller commits.
func (s *Store) boundTo(ctx context.Context, transaction *sql.Tx) *Store {
	tx := *s
	tx.db = s.db.Session(&gorm.Session{NewDB: true, Context: ctx})
	tx.db.QueryFields = false // a table may lack columns of later migrations
	tx.db.Statement.ConnPool = transaction
	return &tx
}

// withMigrationLock calls fn while this process is the only one that updates the current schema of
// PostgreSQL. The lock belongs to a transaction, because a connection pooler in transaction mode would leave that
// of a session behind. It polls, because waiting inside PostgreSQL would block CREATE INDEX CONCURRENTLY, and
// its isolation keeps no snapshot for the same reason.
func (s *Store) withMigrationLock(ctx context.Context, fn func() error) error {
	if s.dialect.name == sqlite {
		return fn()
	}
	for began, reported := time.Now(), false; ; {
		done, err := s.tryMigrationLock(ctx, fn)
		if err != nil || done {
			return err
		}
		if time.Since(began) > time.Second && !reported {
			reported = true
			s.log.Warn("waiting until another process has updated the database schema; if there is none, end the session that holds the advisory lock in pg_locks")
			s.migrationProgress("Waiting for another process", 0, 0)
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

func (s *Store) tryMigrationLock(ctx context.Context, fn func() error) (done bool, err error) {
	lock := s.with(context.WithoutCancel(ctx)).Begin(&sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if lock.Error != nil {
		return false, lock.Error
	}
	defer lock.Rollback()
	err = lock.Raw("SELECT pg_try_advisory_xact_lock(hashtext('skipup migrations'), hashtext(current_schema())) FROM set_config('idle_in_transaction_session_timeout', '0', true)").Scan(&done).Error
	if err != nil || !done {
		return false, err
	}
	return true, fn()
}
