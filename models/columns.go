package models

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm/schema"
)

// columnsOf returns the columns of the struct of a table, for a statement that GORM doesn't write. Statements
// name their columns, because a migration adds columns while nodes of the version before it are running.
// PostgreSQL rejects a prepared statement that would return other columns than before.
func columnsOf(row any, table string) string {
	parsed, err := schema.Parse(row, &parsedRows, schema.NamingStrategy{})
	if err != nil {
		panic(err) // the struct is wrong
	}
	columns := make([]string, len(parsed.DBNames))
	for i, name := range parsed.DBNames {
		columns[i] = table + "." + name
	}
	return strings.Join(columns, ", ")
}

var parsedRows sync.Map

// preparedAgain is a connection pool of a PostgreSQL database. Outside transactions, which Store.Tx repeats, it
// repeats a query that PostgreSQL rejects because a migration has changed the type of a column since it was prepared.
type preparedAgain struct{ *sql.DB }

// staleStatement is PostgreSQL's error code "feature_not_supported". In a query that has worked before, it means
// "cached plan must not change result type".
const staleStatement = "0A000"

// unprepared makes pgx send a query without a prepared statement. Those of other connections may be stale too.
const unprepared = pgx.QueryExecModeDescribeExec

// withoutPrepared makes a transaction on PostgreSQL that begins with the context prepare its statements again.
func withoutPrepared(ctx context.Context) context.Context {
	return context.WithValue(ctx, withoutPreparedKey{}, true)
}

type withoutPreparedKey struct{}

func isStale(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && server.Code == staleStatement
}

// QueryContext runs a query that returns rows.
func (p preparedAgain) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := p.DB.QueryContext(ctx, query, args...)
	if isStale(err) {
		return p.DB.QueryContext(ctx, query, append([]any{unprepared}, args...)...)
	}
	return rows, err
}

// QueryRowContext runs a query that returns one row.
func (p preparedAgain) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	row := p.DB.QueryRowContext(ctx, query, args...)
	if isStale(row.Err()) {
		return p.DB.QueryRowContext(ctx, query, append([]any{unprepared}, args...)...)
	}
	return row
}

// GetDBConn returns the pool to GORM.
func (p preparedAgain) GetDBConn() (*sql.DB, error) { return p.DB, nil }
