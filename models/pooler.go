package models

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// pooler remembers whether a database URL leads to a connection pooler, such as PgBouncer, instead of to
// PostgreSQL. In transaction mode, a pooler runs each transaction on any of its connections, so nothing works
// that belongs to a session: prepared statements, settings, and notifications. The mode can't be read, so
// every pooler is used as if it were in that mode.
type pooler struct {
	found atomic.Bool
	log   *slog.Logger
}

// errPooler means that a new connection leads to a pooler.
var errPooler = errors.New("the connection leads to a connection pooler")

// is reports whether a pooler was found, and false for a nil one, that of SQLite.
func (p *pooler) is() bool { return p != nil && p.found.Load() }

// UsesPooler reports whether the database URL leads to a connection pooler.
func (s *Store) UsesPooler() bool { return s.dialect.pooler.is() }

// requireDirect returns FailedPrecondition if the database URL leads to a connection pooler. The programs of
// PostgreSQL change settings of the session, which would stay behind in a connection of the pooler.
func (s *Store) requireDirect() error {
	if s.UsesPooler() {
		return Errorf(FailedPrecondition, "The database URL leads to a connection pooler, through which a database can't be backed up or restored. For this command, use a URL that leads to PostgreSQL itself.")
	}
	return nil
}

// connector opens connections to PostgreSQL, directly or through a pooler.
type connector struct {
	driver.Connector // direct
	pooled           driver.Connector
	pooler           *pooler
	timeouts         string // an expression that sets those of a transaction
}

func newConnector(config *pgx.ConnConfig, dsn string, p *pooler) connector {
	direct := stdlib.GetConnector(*config, stdlib.OptionAfterConnect(func(ctx context.Context, connection *pgx.Conn) error {
		err := errors.Join(readTimesInUTC(ctx, connection), setTimeouts(ctx, connection))
		if err != nil {
			_ = connection.Close(ctx) // the first error matters
		}
		return err
	}))
	pooled := *config
	if parsed, err := url.Parse(dsn); err == nil && !parsed.Query().Has("default_query_exec_mode") {
		pooled.DefaultQueryExecMode = pgx.QueryExecModeExec // prepares no statements
	}
	return connector{direct, stdlib.GetConnector(pooled, stdlib.OptionAfterConnect(readTimesInUTC)), p, timeouts(config, true)}
}

// Connect opens a connection. If the first one turns out to lead to a pooler, it closes that and opens another.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	if !c.pooler.found.Load() {
		direct, err := c.Connector.Connect(ctx)
		if err == nil {
			return pgConnection{direct.(*stdlib.Conn), ""}, nil
		}
		if !errors.Is(err, errPooler) {
			return nil, err
		}
		if !c.pooler.found.Swap(true) {
			c.pooler.log.Info("the database URL leads to a connection pooler; using it without prepared statements and notifications")
		}
	}
	pooled, err := c.pooled.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return pgConnection{pooled.(*stdlib.Conn), c.timeouts}, nil
}

// pgConnection is a connection to PostgreSQL.
type pgConnection struct {
	*stdlib.Conn
	timeouts string // an expression that sets those of a transaction through a pooler; "" if the connection has them
}

// BeginTx begins a transaction, and sets the timeouts that the connection lacks.
func (c pgConnection) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	if ctx.Value(withoutPreparedKey{}) != nil {
		if err := c.Conn.Conn().DeallocateAll(ctx); err != nil {
			return nil, err
		}
	}
	var set []string
	if c.timeouts != "" {
		set = append(set, c.timeouts)
	}
	if timeout, given := ctx.Value(lockTimeoutKey{}).(time.Duration); given {
		set = append(set, fmt.Sprintf("set_config('lock_timeout', '%dms', true)", timeout.Milliseconds()))
	}
	tx, err := c.Conn.BeginTx(ctx, options)
	if err != nil || len(set) == 0 {
		return tx, err
	}
	if _, err := c.ExecContext(ctx, "SELECT "+strings.Join(set, ", "), nil); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return tx, nil
}

// withLockTimeout limits how long statements of transactions on PostgreSQL that begin with the context wait for a lock.
func withLockTimeout(ctx context.Context, timeout time.Duration) context.Context {
	return context.WithValue(ctx, lockTimeoutKey{}, timeout)
}

type lockTimeoutKey struct{}

// sessionTimeouts keep a node that is lost in a transaction from blocking the others. A transaction
// that is idle for longer ends before others stop waiting for its locks.
var sessionTimeouts = map[string]string{"idle_in_transaction_session_timeout": "4s", "lock_timeout": "5s"}

// timeouts returns an expression that sets the sessionTimeouts that the database URL doesn't, for a transaction
// or for a session.
func timeouts(config *pgx.ConnConfig, forTransaction bool) string {
	set := []string{"''"}
	for name, value := range sessionTimeouts {
		if _, given := config.RuntimeParams[name]; !given {
			set = append(set, fmt.Sprintf("set_config('%s', '%s', %t)", name, value, forTransaction))
		}
	}
	return "concat(" + strings.Join(set, ", ") + ")"
}

// setTimeouts sets the timeouts of a connection, or returns errPooler. A pooler gives its clients another process
// ID than that of PostgreSQL's process. The timeouts aren't parameters of the connection, because poolers
// reject those.
func setTimeouts(ctx context.Context, connection *pgx.Conn) error {
	var direct bool
	query := fmt.Sprintf("SELECT CASE WHEN pg_backend_pid() = %d THEN %s IS NOT NULL ELSE false END", connection.PgConn().PID(), timeouts(connection.Config(), false))
	if err := connection.QueryRow(ctx, query, pgx.QueryExecModeSimpleProtocol).Scan(&direct); err != nil {
		return err
	}
	if !direct {
		return errPooler
	}
	return nil
}
