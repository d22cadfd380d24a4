package modelstest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// NewPostgreSQL returns an empty Store in a PostgreSQL schema that no other test uses at the same time.
func NewPostgreSQL(t testing.TB) *Store {
	t.Helper()
	server := requireServer(t)
	schema, err := server.take()
	if err != nil {
		t.Fatalf("create a migrated schema on the PostgreSQL server at PGHOST: %v", err)
	}
	t.Cleanup(func() {
		if err := server.giveBack(schema); err != nil {
			t.Errorf("empty the schema of the test: %v", err)
		}
	})
	return connect(t, schemaURL(schema.name), NewClock())
}

// PostgreSQLURL returns the URL of a new schema, which is dropped after the test, on the server that the
// PG* variables name. Without a server the test fails, because a skipped test looks like one that passes.
func PostgreSQLURL(t testing.TB) string {
	t.Helper()
	server := requireServer(t)
	name, err := server.create()
	if err != nil {
		t.Fatalf("create a schema on the PostgreSQL server at PGHOST: %v", err)
	}
	t.Cleanup(func() {
		if err := server.drop(name); err != nil {
			t.Errorf("drop schema: %v", err)
		}
	})
	return schemaURL(name)
}

func requireServer(t testing.TB) *postgreSQL {
	t.Helper()
	if testing.Short() {
		t.Skip("PostgreSQL is skipped with -short")
	}
	if os.Getenv("PGHOST") == "" {
		t.Fatal("this test needs a PostgreSQL server: run `make test` or `pg_virtualenv -t go test ./...` " +
			"(Debian packages postgresql and postgresql-common), or set PGHOST; -short skips PostgreSQL")
	}
	server, err := server()
	if err != nil {
		t.Fatalf("connect to the PostgreSQL server at PGHOST: %v", err)
	}
	return server
}

// schemaURL returns the URL of a schema on the server that the PG* variables name.
func schemaURL(name string) string {
	return "postgres:///?" + url.Values{"search_path": {name}}.Encode()
}

// postgreSQL creates schemas for the tests of this process. Migrated schemas are emptied and used again,
// because creating and dropping one takes fifty times longer. The last of them stay until another process
// needs their names.
type postgreSQL struct {
	admin *sql.DB
	names string // what the names of all schemas start with
	count atomic.Int64

	mu   sync.Mutex
	free []schema
}

// schema is a migrated schema.
type schema struct {
	name        string
	fingerprint string // when it was created
}

var server = sync.OnceValues(func() (*postgreSQL, error) {
	admin, err := sql.Open("pgx", "")
	if err != nil {
		return nil, err
	}
	s := &postgreSQL{admin: admin}
	return s, s.takeNames(context.Background())
})

// lockSpace is the first number of this package's advisory locks.
const lockSpace = 7331

// takeNames finds names that no other process uses, which a lock reserves until this process ends, and drops
// the schemas that a process left under them.
func (s *postgreSQL) takeNames(ctx context.Context) error {
	session, err := s.admin.Conn(ctx) // never closed
	if err != nil {
		return err
	}
	for slot, locked := 0, false; !locked; slot++ {
		if err := session.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1, $2)", lockSpace, slot).Scan(&locked); err != nil {
			return err
		}
		s.names = fmt.Sprintf("test_%d_", slot)
	}
	left, err := queryStrings(s.admin, "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, $1)", s.names)
	if err != nil {
		return err
	}
	for _, name := range left {
		if err := s.drop(name); err != nil {
			return err
		}
	}
	return nil
}

// create creates an empty schema.
func (s *postgreSQL) create() (name string, err error) {
	name = fmt.Sprint(s.names, s.count.Add(1))
	_, err = s.admin.Exec("CREATE SCHEMA " + name)
	return name, err
}

func (s *postgreSQL) drop(name string) error {
	_, err := s.admin.Exec("DROP SCHEMA " + name + " CASCADE")
	return err
}

// take returns a migrated schema.
func (s *postgreSQL) take() (schema, error) {
	s.mu.Lock()
	if last := len(s.free) - 1; last >= 0 {
		defer s.mu.Unlock()
		taken := s.free[last]
		s.free = s.free[:last]
		return taken, nil
	}
	s.mu.Unlock()
	template, err := postgreSQLTemplate()
	if err != nil {
		return schema{}, err
	}
	name, err := s.create()
	if err != nil {
		return schema{}, err
	}
	if _, err := s.admin.Exec("BEGIN;" + template.structure(name) + template.rows(name) + "COMMIT"); err != nil {
		return schema{}, errors.Join(err, s.drop(name))
	}
	fingerprint, err := s.fingerprint(name)
	return schema{name, fingerprint}, err
}

// giveBack empties a schema for the next test. It drops one whose structure the test changed or whose tables
// have grown, and any if the user may not turn off the triggers that protect the audit log.
func (s *postgreSQL) giveBack(used schema) error {
	template, err := postgreSQLTemplate()
	if err != nil {
		return err
	}
	if now, err := s.fingerprint(used.name); err != nil {
		return err
	} else if now != used.fingerprint {
		return s.drop(used.name)
	}
	if err := s.replaceRows(used.name, template); err != nil {
		return s.drop(used.name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, used)
	return nil
}

// replaceRows replaces the rows of a schema with those of the template.
func (s *postgreSQL) replaceRows(name string, template *template) (err error) {
	ctx := context.Background()
	tx, err := s.admin.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	// Without triggers, which include the checks of references, the order of the tables doesn't matter.
	if _, err := tx.Exec("SET LOCAL session_replication_role = replica; SET LOCAL lock_timeout = '10s'"); err != nil {
		return err
	}
	if _, err := tx.Exec(template.deletions(name) + template.rows(name)); err != nil {
		return err
	}
	return tx.Commit()
}

// fingerprint returns a text that changes with the structure of a schema, but not with a few rows.
func (s *postgreSQL) fingerprint(name string) (fingerprint string, err error) {
	err = s.admin.QueryRow(`
		WITH tables AS (SELECT oid, xmin FROM pg_class WHERE relnamespace = $1::text::regnamespace),
		parts AS (
			SELECT xmin FROM tables
			UNION ALL SELECT xmin FROM pg_attribute WHERE attrelid IN (SELECT oid FROM tables)
			UNION ALL SELECT xmin FROM pg_attrdef WHERE adrelid IN (SELECT oid FROM tables)
			UNION ALL SELECT xmin FROM pg_constraint WHERE conrelid IN (SELECT oid FROM tables)
			UNION ALL SELECT xmin FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM tables)
			UNION ALL SELECT xmin FROM pg_proc WHERE pronamespace = $1::text::regnamespace
		)
		SELECT concat_ws(' ', count(*), max(xmin::text::bigint), (SELECT count(*) FROM tables WHERE pg_relation_size(oid) > 256 * 1024))
		FROM parts`, name).Scan(&fingerprint)
	return fingerprint, err
}

// template makes the statements that create or empty a migrated schema. Executing them takes much less time
// than applying the migrations or copying a template database.
type template struct {
	schema           string // that the statements name
	created, content string
	tables           []string
}

// structure returns the statements that create the tables of a schema.
func (t *template) structure(name string) string {
	return strings.ReplaceAll(t.created, t.schema, name)
}

// rows returns the statements that fill a schema with what migrations insert, and reset its sequences.
func (t *template) rows(name string) string { return strings.ReplaceAll(t.content, t.schema, name) }

// deletions returns the statements that delete all rows of a schema.
func (t *template) deletions(name string) string {
	var statements strings.Builder
	for _, table := range t.tables {
		fmt.Fprintf(&statements, "DELETE FROM %s.%s;\n", name, table)
	}
	return statements.String()
}

var postgreSQLTemplate = sync.OnceValues(func() (t *template, err error) {
	s, err := server()
	if err != nil {
		return nil, err
	}
	schema, err := s.create()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.drop(schema)) }()
	if err := migrate(schemaURL(schema)); err != nil {
		return nil, err
	}
	t = &template{schema: schema}
	if t.created, err = dumpSchema(schema, "pre-data", "post-data"); err != nil {
		return nil, err
	}
	if t.content, err = dumpSchema(schema, "data"); err != nil {
		return nil, err
	}
	t.tables, err = queryStrings(s.admin, "SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
	return t, err
})

// dumpSchema returns the statements that create sections of a schema.
func dumpSchema(name string, sections ...string) (string, error) {
	args := []string{"--schema", name, "--inserts", "--no-owner"}
	for _, section := range sections {
		args = append(args, "--section", section)
	}
	dump := exec.Command("pg_dump", args...)
	dump.Stderr = os.Stderr
	out, err := dump.Output()
	if err != nil {
		return "", fmt.Errorf("pg_dump (Debian package postgresql-client): %w", err)
	}
	var statements strings.Builder
	for line := range strings.Lines(string(out)) {
		switch {
		case strings.HasPrefix(line, `\`), strings.HasPrefix(line, "CREATE SCHEMA"): // commands of psql, and what exists
		case strings.HasPrefix(line, "SET "), strings.HasPrefix(line, "SELECT pg_catalog.set_config"): // they outlast the transaction
		case strings.HasPrefix(line, "--"), line == "\n":
		default:
			statements.WriteString(line)
		}
	}
	return statements.String(), nil
}
