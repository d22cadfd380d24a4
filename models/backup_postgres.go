package models

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// dumpEnd is in the last lines of a complete dump.
const dumpEnd = "-- PostgreSQL database dump complete"

// dumpPostgreSQL writes a dump of a schema as a transaction sees it, which pg_dump creates.
func (s *Store) dumpPostgreSQL(ctx context.Context, tx *sql.Tx, schema string, w io.Writer, progress Progress) error {
	if _, err := tx.ExecContext(ctx, "SET LOCAL idle_in_transaction_session_timeout = 0"); err != nil {
		return fmt.Errorf("prepare a snapshot: %w", err)
	}
	var (
		snapshot string
		estimate int64
	)
	err := tx.QueryRowContext(ctx, `SELECT pg_export_snapshot(), (SELECT coalesce(sum(pg_table_size(oid)), 0)::bigint
		FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r')`, quoteName(schema)).Scan(&snapshot, &estimate)
	if err != nil {
		return fmt.Errorf("export a snapshot: %w", err)
	}
	dump, err := s.dialect.client(ctx, "pg_dump", "--format=plain", "--encoding=UTF8", "--snapshot="+snapshot, "--schema="+quoteName(schema),
		"--no-owner", "--no-privileges", "--no-comments", "--no-publications", "--no-subscriptions", "--no-security-labels",
		"--no-tablespaces", "--no-password", "--lock-wait-timeout=60s")
	if err != nil {
		return err
	}
	var messages bytes.Buffer
	end := &tail{Writer: w, progress: func(done int64) { progress("Copying (estimated size)", done, estimate) }}
	dump.Stdout, dump.Stderr = end, &messages
	if err := dump.Run(); err != nil {
		return cmp.Or(ctx.Err(), fmt.Errorf("pg_dump: %w: %s", err, firstLine(messages.String())))
	}
	if !strings.Contains(string(end.last), dumpEnd) {
		return errors.New("pg_dump ended early")
	}
	return nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// tail remembers the end of what it writes.
type tail struct {
	io.Writer
	progress func(done int64)
	done     int64
	last     []byte
}

func (t *tail) Write(p []byte) (int, error) {
	n, err := t.Writer.Write(p)
	const most = 512
	t.last = append(t.last, p[max(0, n-most):n]...)
	t.last = t.last[max(0, len(t.last)-most):]
	t.done += int64(n)
	t.progress(t.done)
	return n, err
}

// quoteName quotes the name of a schema, table, or function.
func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// client returns a command that runs one of PostgreSQL's client programs on the database. The password is
// in its environment, because other users can read arguments.
func (d dialect) client(ctx context.Context, program string, args ...string) (*exec.Cmd, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, Errorf(FailedPrecondition, "%s isn't installed. Install PostgreSQL's client programs, of the server's version or later (Debian: postgresql-client).", program)
	}
	environment, err := d.clientEnvironment()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, path, args...)
	command.Env = environment
	return command, nil
}

// clientVariables are the variables of libpq for parameters of a URL that pgx doesn't return.
var clientVariables = map[string]string{
	"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
	"sslsni": "PGSSLSNI", "sslnegotiation": "PGSSLNEGOTIATION", "channel_binding": "PGCHANNELBINDING",
	"connect_timeout": "PGCONNECT_TIMEOUT", "krbsrvname": "PGKRBSRVNAME",
}

// clientEnvironment returns the environment in which libpq connects to the database.
func (d dialect) clientEnvironment() ([]string, error) {
	config, err := parsePostgreSQL(d.dsn)
	if err != nil {
		return nil, err
	}
	parsed, err := url.Parse(d.dsn)
	if err != nil {
		return nil, errPostgreSQL
	}
	hosts, ports := []string{config.Host}, []string{strconv.Itoa(int(config.Port))}
	for _, f := range config.Fallbacks {
		port := strconv.Itoa(int(f.Port))
		if last := len(hosts) - 1; hosts[last] != f.Host || ports[last] != port { // pgx lists a host twice if it may fall back from TLS
			hosts, ports = append(hosts, f.Host), append(ports, port)
		}
	}
	environment := slices.DeleteFunc(os.Environ(), func(v string) bool { // these would take precedence
		return strings.HasPrefix(v, "PGSERVICE=") || strings.HasPrefix(v, "PGOPTIONS=")
	})
	environment = append(environment,
		"PGHOST="+strings.Join(hosts, ","), "PGPORT="+strings.Join(ports, ","), "PGUSER="+config.User, "PGPASSWORD="+config.Password,
		"PGDATABASE="+cmp.Or(config.Database, config.User), "PGTARGETSESSIONATTRS=read-write", "PGAPPNAME=skipup")
	for parameter, variable := range clientVariables {
		if value := parsed.Query().Get(parameter); value != "" {
			environment = append(environment, variable+"="+value)
		}
	}
	return environment, nil
}
