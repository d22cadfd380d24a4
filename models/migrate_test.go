package models_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestMigrateAtOnce(t *testing.T) {
	for name, address := range map[string]func(testing.TB) string{"sqlite": modelstest.SQLiteURL, "postgres": modelstest.PostgreSQLURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 {
				migrateAtOnce(t, address(t), 12)
			}
		})
	}
}

// TestMigrateStopsWhenInterrupted checks that the migrations before the interruption stay, and no part of others.
func TestMigrateStopsWhenInterrupted(t *testing.T) {
	for name, address := range map[string]func(testing.TB) string{"sqlite": modelstest.SQLiteURL, "postgres": modelstest.PostgreSQLURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			var last, total int64
			store, err := models.Open(address(t), models.Options{MigrationProgress: func(_ string, done, all int64) {
				if last, total = done, all; done == 3 {
					cancel()
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = store.Close() })
			if _, err := store.Migrate(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("error after an interrupt = %v, want that of the context", err)
			}
			if version, err := store.SchemaVersion(t.Context()); err != nil || version != 3 {
				t.Errorf("version after an interrupt = %d, %v, want 3", version, err)
			}
			if _, err := store.Migrate(t.Context()); err != nil {
				t.Errorf("second run: %v", err)
			}
			if last != total {
				t.Errorf("progress ends at %d of %d", last, total)
			}
		})
	}
}

// TestMigrateWaitsForLocks checks that an upgrade succeeds once a transaction that uses a table ends, such as a backup, and
// that others can use the table meanwhile.
func TestMigrateWaitsForLocks(t *testing.T) {
	for name, through := range map[string]func(t *testing.T, address string) string{
		"directly": func(_ *testing.T, address string) string { return address }, "through PgBouncer": pgBouncerURL,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := modelstest.Unmigrated(t, modelstest.PostgreSQLURL(t))
			if err := s.MigrateTo(t.Context(), 34); err != nil {
				t.Fatal(err)
			}
			const read = "SELECT count(*) FROM api_key_usage_hours" // which the next migration changes
			end := sync.OnceFunc(s.Begin(t, read))
			defer end() // of a test that fails
			var step atomic.Value
			node, err := models.Open(through(t, s.URL), models.Options{MigrationProgress: func(name string, _, _ int64) { step.Store(name) }})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = node.Close() })
			migrated := make(chan error, 1)
			go func() {
				_, err := node.Migrate(t.Context())
				migrated <- err
			}()
			for step.Load() != "Waiting for another transaction" {
				s.Begin(t, "SET LOCAL lock_timeout = '3s'", read)() // less than the limit of other transactions
				if len(migrated) > 0 {
					t.Fatalf("the migration didn't wait for the transaction: %v", <-migrated)
				}
			}
			end()
			if err := <-migrated; err != nil {
				t.Errorf("after the transaction: %v", err)
			}
		})
	}
}

func migrateAtOnce(t *testing.T, address string, nodes int) {
	t.Helper()
	stores := atOnce(nodes, func(int) *models.Store {
		store, err := models.Open(address, models.Options{})
		if err != nil {
			t.Errorf("open: %v", err)
		}
		return store
	})
	if t.Failed() {
		return
	}
	steps := map[int64]int{}
	for _, applied := range atOnce(nodes, func(i int) []models.Migration {
		applied, err := stores[i].Migrate(t.Context())
		if err != nil {
			t.Errorf("migrate: %v", err)
		}
		if needed, err := stores[i].NeedsSetup(t.Context()); err != nil || !needed {
			t.Errorf("NeedsSetup after the migration = %v, %v, want true", needed, err)
		}
		return applied
	}) {
		for _, step := range applied {
			steps[step.Version]++
		}
	}
	if len(steps) == 0 {
		t.Error("no node applied a migration")
	}
	for version, times := range steps {
		if times != 1 {
			t.Errorf("migration %d was applied %d times", version, times)
		}
	}
	for _, store := range stores {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestNewerSchema checks that a program starts on a schema that is newer than it knows only if the schema says so.
func TestNewerSchema(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		newer, latest := models.LatestSchema()+10, models.LatestSchema()
		s.Exec(t, fmt.Sprintf("INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, true)", newer))
		if _, err := s.Migrate(t.Context()); err != nil {
			t.Errorf("on a schema that this program may use: %v", err)
		}
		s.Exec(t, fmt.Sprintf("UPDATE installation SET oldest_program = %d", latest+1))
		_, err := s.Migrate(t.Context())
		if !models.IsKind(err, models.FailedPrecondition) {
			t.Fatalf("error = %v, want one that says that the schema is too new", err)
		}
		modelstest.Contains(t, "error", err.Error(), fmt.Sprintf("schema version %d", newer), fmt.Sprintf("know schema version %d", latest+1), fmt.Sprintf("This one knows %d.", latest), "Start the newer version")
		s.Exec(t, fmt.Sprintf("UPDATE installation SET oldest_program = %d", latest))
		if _, err := s.Migrate(t.Context()); err != nil {
			t.Errorf("on a schema for this program and newer ones: %v", err)
		}
	})
}

// TestMigrationOutdatesARunningProgram checks that a program that is too old for a migration makes nothing of its own
// take effect from then on, and that changes of newer programs don't rely on it.
func TestMigrationOutdatesARunningProgram(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, node := s.key(t, "CI"), s.silentNode(t, "old")
		remote := s.NodeSource(s.nodeToken(t, "orders", ""))
		asking := s.remoteNode(t, remote, "orders-1")
		known := s.changes(t, node, models.UnknownKeys).State
		wantOutdated := func(what string, err error) {
			t.Helper()
			if !errors.Is(err, models.ErrOutdated) {
				t.Errorf("%s: error = %v, want %v", what, err, models.ErrOutdated)
			}
		}
		if err := s.RequireSupported(s.ctx); err != nil {
			t.Errorf("before the migration: %v", err)
		}
		s.Exec(t, fmt.Sprintf("UPDATE installation SET oldest_program = %d", models.LatestSchema()+1))
		wantOutdated("the program", s.RequireSupported(s.ctx))
		_, err := s.KeyChanges(s.ctx, node, known)
		wantOutdated("poll", err)
		_, err = remote.AwaitKeyChanges(s.ctx, asking, known, 0)
		wantOutdated("poll of a node that asks the program", err)
		_, err = s.APIKeyByDigest(s.ctx, key.Digest)
		wantOutdated("verification from the database", err)
		_, err = remote.APIKeyByDigest(s.ctx, key.Digest)
		wantOutdated("verification of a node that asks the program", err)
		wantUnchanged(t, s.Store, func() {
			_, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation)
			wantOutdated("deletion", err)
		})
		if err := s.RemoveNode(s.ctx, node); err != nil {
			t.Errorf("removal of the node: %v", err)
		}
	})
}

// bare are the tables without a struct.
var bare = []string{"installation", "goose_db_version"}

// earlier are columns that only earlier versions use, which may still run beside this one.
var earlier = map[string][]string{"sessions": {"notice"}}

func TestSchemaMatchesStructs(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		tables, err := s.DB().Migrator().GetTables()
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Clone(bare)
		for _, row := range models.Rows {
			parsed, err := schema.Parse(row, &sync.Map{}, s.DB().NamingStrategy)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, parsed.Table)
			columns := columnsOfTable(t, s.DB(), parsed.Table)
			for _, name := range earlier[parsed.Table] {
				delete(columns, name)
			}
			if diff := cmp.Diff(columnsOfStruct(parsed), columns); diff != "" {
				t.Errorf("columns of %s (-struct +table):\n%s", parsed.Table, diff)
			}
		}
		slices.Sort(want)
		tables = slices.DeleteFunc(tables, func(name string) bool { return name == "sqlite_sequence" })
		slices.Sort(tables)
		if diff := cmp.Diff(want, tables); diff != "" {
			t.Errorf("tables (-structs +database):\n%s", diff)
		}
	})
}

// columnsOfStruct returns the columns that GORM reads and writes, and whether they are nullable.
func columnsOfStruct(parsed *schema.Schema) map[string]bool {
	columns := map[string]bool{}
	for _, field := range parsed.FieldsByDBName {
		columns[field.DBName] = field.FieldType.Kind().String() == "ptr"
	}
	return columns
}

func columnsOfTable(t *testing.T, db *gorm.DB, table string) map[string]bool {
	t.Helper()
	// SQLite allows NULL in primary keys that are not integers.
	query := `SELECT name, "notnull" = 0 AND pk = 0 AS nullable FROM pragma_table_info(?)`
	if db.Name() == "postgres" {
		query = `SELECT column_name AS name, is_nullable = 'YES' AS nullable
			FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?`
	}
	var rows []struct {
		Name     string
		Nullable bool
	}
	if err := db.Raw(query, table).Scan(&rows).Error; err != nil {
		t.Fatal(err)
	}
	columns := map[string]bool{}
	for _, row := range rows {
		columns[row.Name] = row.Nullable
	}
	return columns
}

func TestDatabasesHaveTheSameIndexes(t *testing.T) {
	list := func(s *modelstest.Store, query string) []string {
		t.Helper()
		var names []string
		if err := s.DB().Raw(query).Scan(&names).Error; err != nil {
			t.Fatal(err)
		}
		return names
	}
	sqlite := list(modelstest.NewSQLite(t), "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name")
	postgres := list(modelstest.NewPostgreSQL(t), `SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()
		AND indexname NOT LIKE '%\_pkey' AND indexname NOT LIKE '%\_key' ORDER BY indexname COLLATE "C"`)
	if diff := cmp.Diff(sqlite, postgres); diff != "" {
		t.Errorf("indexes (-sqlite +postgres):\n%s", diff)
	}
}
