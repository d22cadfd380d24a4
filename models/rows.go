package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"
)

// statementSizes are the possible numbers of rows of a statement on SQLite. There are few, so that all
// statements stay prepared.
var statementSizes = []int{256, 16, 1}

// column is a column of the rows of a statement with its type in PostgreSQL.
type column struct{ name, kind string }

// preparedStatements keeps statements prepared on SQLite, where parsing them takes as long as running
// them. pgx does so itself, and GORM prepares them again in each transaction.
type preparedStatements struct {
	db     *sql.DB
	mu     sync.Mutex
	byText map[string]*sql.Stmt
}

func (p *preparedStatements) get(ctx context.Context, text string) (*sql.Stmt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if statement := p.byText[text]; statement != nil {
		return statement, nil
	}
	statement, err := p.db.PrepareContext(ctx, text)
	if err == nil {
		p.byText[text] = statement
	}
	return statement, err
}

// describedArrays makes pgx ask PostgreSQL for the types of a statement's arrays, which it can't derive from
// []any, even where it prepares no statements.
const describedArrays = pgx.QueryExecModeCacheDescribe

// execRows runs a statement in a transaction for rows in their order. In the statement, @columns
// stands for the names of the columns and new for the rows. SQLite takes some rows at a time.
func (s *Store) execRows(ctx context.Context, columns []column, rows [][]any, statement string) error {
	if len(rows) == 0 {
		return nil
	}
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.name
	}
	names := strings.Join(list, ", ")
	statement = strings.ReplaceAll(statement, "@columns", names)
	// GORM takes as long to pass on thousands of values as SQLite takes to store them.
	tx, inTx := s.db.Statement.ConnPool.(gorm.Tx)
	if !inTx {
		return errors.New("rows are added outside a transaction")
	}
	if s.dialect.name == postgresql {
		new := "WITH new (" + names + ") AS (SELECT " + names + " FROM unnest(" + arrays(columns) + ") AS rows (" + names + ")) "
		_, err := tx.ExecContext(ctx, new+statement, append([]any{describedArrays}, byColumn(rows, len(columns))...)...)
		return err
	}
	one := "(?" + strings.Repeat(",?", len(columns)-1) + ")"
	for _, size := range statementSizes {
		values := "WITH new (" + names + ") AS (VALUES " + one + strings.Repeat(","+one, size-1) + ") " + statement
		if len(rows) < size {
			continue
		}
		statement, err := s.statements.get(ctx, values)
		if err != nil {
			return err
		}
		statement = tx.StmtContext(ctx, statement)
		args := make([]any, 0, size*len(columns))
		for len(rows) >= size {
			args = args[:0]
			for _, row := range rows[:size] {
				args = append(args, row...)
			}
			rows = rows[size:]
			if _, err := statement.ExecContext(ctx, args...); err != nil {
				return err
			}
		}
	}
	return nil
}

// arrays returns the parameters of a PostgreSQL statement that takes its rows as one array for each column.
func arrays(columns []column) string {
	parameters := make([]string, len(columns))
	for i, c := range columns {
		parameters[i] = fmt.Sprintf("CAST($%d AS %s[])", i+1, c.kind)
	}
	return strings.Join(parameters, ", ")
}

// byColumn returns rows as one slice for each column.
func byColumn(rows [][]any, columns int) []any {
	values := make([]any, columns)
	for i := range values {
		column := make([]any, len(rows))
		for n, row := range rows {
			column[n] = row[i]
		}
		values[i] = column
	}
	return values
}
