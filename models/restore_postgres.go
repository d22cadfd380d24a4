package models

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// preparePostgreSQL checks the backup and the database.
func (r *Restore) preparePostgreSQL(ctx context.Context) error {
	current, err := Open(r.url, Options{})
	if err != nil {
		return err
	}
	return errors.Join(r.checkPostgreSQL(ctx, current), current.Close())
}

func (r *Restore) checkPostgreSQL(ctx context.Context, current *Store) error {
	if err := current.requireDirect(); err != nil {
		return err
	}
	var schema *string
	if err := current.with(ctx).Raw("SELECT current_schema()").Scan(&schema).Error; err != nil {
		return fmt.Errorf("read the name of the schema: %w", err)
	}
	if schema == nil || *schema != r.Manifest.Schema {
		return Errorf(FailedPrecondition, "The backup has the schema %q, which isn't the one that %s uses. Create it, and add search_path=%[1]s to the database URL.", r.Manifest.Schema, r.Database)
	}
	tables, err := current.tables(ctx)
	if err != nil {
		return err
	}
	known := append(created(createdTable), "goose_db_version", unfinishedRestore)
	if others := slices.DeleteFunc(tables, func(t string) bool { return slices.Contains(known, t) }); len(others) > 0 {
		return Errorf(FailedPrecondition, "The schema %q also has tables of other programs, such as %q. Restore to a database or a schema without any.", *schema, others[0])
	}
	if err := current.requireNoNodes(ctx); err != nil {
		return err
	}
	version, err := current.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	if version == 0 {
		return r.scanScript(ctx, func(string) {})
	}
	r.Replaces.Exists = true
	return r.compare(ctx, current, func(live func(id string)) error { return r.scanScript(ctx, live) })
}

// tables returns the names of the tables in the schema.
func (s *Store) tables(ctx context.Context) (names []string, err error) {
	err = s.with(ctx).Raw("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").Scan(&names).Error
	if err != nil {
		return nil, fmt.Errorf("read the names of tables: %w", err)
	}
	return names, nil
}

// requireNoNodes returns FailedPrecondition if a node is running. A node that is running confirms a change
// to keys, so it makes one that changes no key.
func (s *Store) requireNoNodes(ctx context.Context) error {
	if !s.with(ctx).Migrator().HasTable(&Node{}) {
		return nil
	}
	lease, err := s.Lease(ctx)
	if err != nil {
		return err
	}
	if lease.Upgrading {
		return Errorf(FailedPrecondition, "Nodes of an earlier version may be running. Stop them, run \"skipup nodes finish-upgrade\", and try again.")
	}
	names, err := s.nodeNames(ctx)
	if err != nil || len(names) == 0 {
		return err
	}
	if _, err := s.changeKeys(ctx, func(*Store) ([]*APIKey, error) { return nil, nil }); err != nil {
		return err
	}
	if names, err = s.nodeNames(ctx); err != nil {
		return err
	}
	return errRunning(names)
}

// nodeNames returns the names of the registered nodes, also in a schema of an earlier version.
func (s *Store) nodeNames(ctx context.Context) (names []string, err error) {
	if err := s.with(ctx).Model(&Node{}).Order("name").Pluck("name", &names).Error; err != nil {
		return nil, fmt.Errorf("read nodes: %w", err)
	}
	return names, nil
}

func errRunning(names []string) error {
	if len(names) == 0 {
		return nil
	}
	return Errorf(FailedPrecondition, "The database is in use by these nodes: %s. Stop them, and try again.", strings.Join(names, ", "))
}

// scanScript verifies the script of the backup, and calls live with the ID of each key that isn't deleted.
func (r *Restore) scanScript(ctx context.Context, live func(id string)) error {
	return r.readScript(ctx, "Verifying", func(string) error { return nil }, func(statement string, rows io.Reader) error {
		columns := copiedColumns(statement, r.Manifest.Schema, "api_keys")
		id, deleted := slices.Index(columns, "id"), slices.Index(columns, "deleted_at")
		if id < 0 || deleted < 0 {
			return nil
		}
		lines := bufio.NewReader(rows)
		for {
			line, err := lines.ReadString('\n')
			if fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(fields) == len(columns) && fields[deleted] == `\N` {
				live(fields[id])
			}
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
}

// copiedColumns returns the columns of a COPY statement for a table, or nil if it is for another.
func copiedColumns(statement, schema, table string) []string {
	for _, name := range []string{schema, quoteName(schema)} {
		if list, found := strings.CutPrefix(statement, "COPY "+name+"."+table+" ("); found {
			list, _, _ = strings.Cut(list, ")")
			return strings.Split(list, ", ")
		}
	}
	return nil
}

// readScript verifies the script of the backup while it calls run with its statements, and load with each
// COPY statement and its rows.
func (r *Restore) readScript(ctx context.Context, step string, run func(statements string) error, load func(statement string, rows io.Reader) error) error {
	read, write := io.Pipe()
	copied := make(chan error, 1)
	go func() {
		err := r.backup.copyTo(ctx, write, step, r.options.Progress)
		_ = write.CloseWithError(err) // never fails
		copied <- err
	}()
	err := parseScript(bufio.NewReaderSize(read, 64<<10), run, load)
	_ = read.CloseWithError(err) // never fails
	if copyErr := <-copied; copyErr != nil && !errors.Is(copyErr, err) {
		return copyErr
	}
	return err
}

// parseScript parses a script of pg_dump. It skips the commands of psql, and the creation of the schema,
// which exists.
func parseScript(script *bufio.Reader, run func(statements string) error, load func(statement string, rows io.Reader) error) error {
	var statements strings.Builder
	flush := func() error {
		defer statements.Reset()
		if strings.TrimSpace(statements.String()) == "" {
			return nil
		}
		return run(statements.String())
	}
	for {
		line, err := script.ReadString('\n')
		switch {
		case err == io.EOF && line == "":
			return flush()
		case err != nil:
			return err // every line ends in a line break
		case strings.HasPrefix(line, `\restrict `), strings.HasPrefix(line, `\unrestrict `), strings.HasPrefix(line, "CREATE SCHEMA "):
		case strings.HasPrefix(line, "COPY ") && strings.HasSuffix(line, " FROM stdin;\n"):
			if err := flush(); err != nil {
				return err
			}
			rows := &copyRows{script: script}
			if err := load(strings.TrimSpace(line), rows); err != nil {
				return err
			}
			if _, err := io.Copy(io.Discard, rows); err != nil {
				return err
			}
		default:
			statements.WriteString(line)
		}
	}
}

// copyRows reads the rows of a COPY statement from a script.
type copyRows struct {
	script *bufio.Reader
	line   []byte
	ended  bool
}

func (c *copyRows) Read(p []byte) (int, error) {
	if c.ended {
		return 0, io.EOF
	}
	if len(c.line) == 0 {
		line, err := c.script.ReadBytes('\n')
		if err == io.EOF {
			return 0, io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		if c.ended = bytes.Equal(line, []byte("\\.\n")); c.ended {
			return 0, io.EOF
		}
		c.line = line
	}
	n := copy(p, c.line)
	c.line = c.line[n:]
	return n, nil
}

func (r *Restore) runPostgreSQL(ctx context.Context) (done Restored, err error) {
	if err := r.loadScript(ctx); err != nil {
		return done, err
	}
	s, err := Open(r.url, Options{EncryptionKeys: r.options.EncryptionKeys}) // with connections that know no earlier tables
	if err != nil {
		return done, err
	}
	done, err = r.finish(ctx, s)
	return done, errors.Join(err, s.Close())
}

// loadScript replaces the tables by those of the backup in one transaction. From then on, no node can start
// until finish is done.
func (r *Restore) loadScript(ctx context.Context) (err error) {
	s, err := Open(r.url, Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	pool, err := s.db.DB()
	if err != nil {
		return err
	}
	connection, err := pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	tx, err := connection.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after the commit
	if err := s.boundTo(ctx, tx).dropTables(ctx); err != nil {
		return err
	}
	err = connection.Raw(func(raw any) error { return r.load(ctx, raw.(pgConnection).Conn.Conn().PgConn()) })
	if err != nil {
		return fmt.Errorf("load the backup: %w", err)
	}
	return tx.Commit()
}

func (r *Restore) load(ctx context.Context, connection *pgconn.PgConn) error {
	run := func(statements string) error {
		_, err := connection.Exec(ctx, statements).ReadAll()
		return err
	}
	return r.readScript(ctx, "Restoring", run, func(statement string, rows io.Reader) error {
		_, err := connection.CopyFrom(ctx, rows, statement)
		return err
	})
}

// dropTables keeps the list of deleted keys in the table unfinishedRestore, and drops everything else that
// migrations have created. It returns FailedPrecondition if a node has started.
func (s *Store) dropTables(ctx context.Context) error {
	existing, err := s.tables(ctx)
	if err != nil {
		return err
	}
	if slices.Contains(existing, "nodes") {
		if err := s.with(ctx).Exec("LOCK TABLE nodes IN ACCESS EXCLUSIVE MODE").Error; err != nil {
			return fmt.Errorf("keep nodes from starting: %w", err)
		}
		names, err := s.nodeNames(ctx)
		if err != nil {
			return err
		}
		if err := errRunning(names); err != nil {
			return err
		}
	}
	statements := []string{"CREATE TABLE IF NOT EXISTS " + unfinishedRestore + " (id text, workspace_id text, name text, key_prefix text, deleted_at timestamptz)"}
	if slices.Contains(existing, "api_keys") {
		statements = append(statements, "INSERT INTO "+unfinishedRestore+" SELECT id, workspace_id, name, key_prefix, deleted_at FROM api_keys WHERE deleted_at IS NOT NULL")
	}
	own := append(created(createdTable), "goose_db_version")
	if dropped := slices.DeleteFunc(existing, func(t string) bool { return !slices.Contains(own, t) }); len(dropped) > 0 {
		statements = append(statements, "DROP TABLE "+strings.Join(dropped, ", "))
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(created(createdFunction)))) {
		statements = append(statements, "DROP FUNCTION IF EXISTS "+name)
	}
	for _, statement := range statements {
		if err := s.with(ctx).Exec(statement).Error; err != nil {
			return fmt.Errorf("drop the replaced tables: %w", err)
		}
	}
	return nil
}

// requireRestored returns FailedPrecondition if a restore was interrupted.
func (s *Store) requireRestored(ctx context.Context) error {
	if s.dialect.name == postgresql && s.with(ctx).Migrator().HasTable(unfinishedRestore) {
		return Errorf(FailedPrecondition, "A restore of this database isn't done. If it was interrupted, run it again.")
	}
	return nil
}
