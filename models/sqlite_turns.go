package models

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"
	"gorm.io/gorm"
)

// writeTimeout is how long a writer waits on SQLite, for its turn, and then for other processes.
const writeTimeout = 5 * time.Second

// turns is a connection pool of a SQLite database. The writers of all its pools take turns, in the order in
// which they ask. SQLite itself makes a writer try again every millisecond or so. When the machine is busy, others
// overtake it until its time is up.
type turns struct {
	*sql.DB
	taken chan struct{} // holds a value while a writer has its turn
}

// take waits for a turn, which ends with a call of done.
func (t *turns) take(ctx context.Context) (done func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, writeTimeout, sqlite3.BUSY)
	defer cancel()
	select {
	case t.taken <- struct{}{}:
		return sync.OnceFunc(func() { <-t.taken }), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// BeginTx begins a transaction. Unless it is read-only, it waits for its turn, which ends with the
// transaction.
func (t *turns) BeginTx(ctx context.Context, options *sql.TxOptions) (gorm.ConnPool, error) {
	if options != nil && options.ReadOnly {
		return t.DB.BeginTx(ctx, options)
	}
	done, err := t.take(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := t.DB.BeginTx(ctx, options)
	if err != nil {
		done()
		return nil, err
	}
	return &turn{tx, done}, nil
}

// ExecContext executes a statement outside a transaction, in a turn of its own.
func (t *turns) ExecContext(ctx context.Context, statement string, args ...any) (sql.Result, error) {
	done, err := t.take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return t.DB.ExecContext(ctx, statement, args...)
}

// GetDBConn returns the pool to GORM.
func (t *turns) GetDBConn() (*sql.DB, error) { return t.DB, nil }

// turn is a transaction that writes.
type turn struct {
	*sql.Tx
	done func()
}

// Commit commits the transaction and ends its turn.
func (t *turn) Commit() error {
	defer t.done()
	return t.Tx.Commit()
}

// Rollback rolls the transaction back and ends its turn.
func (t *turn) Rollback() error {
	defer t.done()
	return t.Tx.Rollback()
}
