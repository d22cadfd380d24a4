package models

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// Rows that are written many at a time travel as one JSON text: no limit on the number of
// parameters, and one statement for thousands of them.

// statementRows is how many rows one statement takes: SQLite keeps all of a text in memory.
const statementRows = 2000

// recordset is a list of rows in one parameter, to select from.
type recordset struct {
	columns []column
	text    string
}

// column is a member of each row, with PostgreSQL's type for it.
type column struct{ name, kind string }

// recordsetOf encodes rows, whose members are named as columns.
func recordsetOf[Row any](columns []column, rows []Row) (recordset, error) {
	text, err := json.Marshal(rows)
	if err != nil {
		return recordset{}, fmt.Errorf("encode rows: %w", err)
	}
	return recordset{columns, string(text)}, nil
}

// execRows runs a statement for rows, some thousands at a time and in their order. In it "@rows"
// stands for them and "@columns" for the names of their columns.
func execRows[Row any](ctx context.Context, s *Store, columns []column, rows []Row, statement string) error {
	for some := range slices.Chunk(rows, statementRows) {
		set, err := recordsetOf(columns, some)
		if err != nil {
			return err
		}
		if err := s.with(ctx).Exec(s.dialect.expand(set, statement), set.text).Error; err != nil {
			return err
		}
	}
	return nil
}

// queryRows is execRows for a statement with answers, which are found one after the other.
func queryRows[Row, Found any](ctx context.Context, s *Store, columns []column, rows []Row, statement string) (found []Found, err error) {
	for some := range slices.Chunk(rows, statementRows) {
		set, err := recordsetOf(columns, some)
		if err != nil {
			return nil, err
		}
		var these []Found
		if err := s.with(ctx).Raw(s.dialect.expand(set, statement), set.text).Scan(&these).Error; err != nil {
			return nil, err
		}
		found = append(found, these...)
	}
	return found, nil
}

func (d dialect) expand(rows recordset, statement string) string {
	return strings.NewReplacer("@rows", d.from(rows), "@columns", rows.names()).Replace(statement)
}

func (r recordset) names() string {
	names := make([]string, len(r.columns))
	for i, c := range r.columns {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}

// from is what to select the rows from. Its one parameter is their text.
func (d dialect) from(rows recordset) string {
	parts := make([]string, len(rows.columns))
	if d.name == sqlite {
		for i, c := range rows.columns {
			parts[i] = "value->>'" + c.name + "' AS " + c.name
		}
		return "(SELECT " + strings.Join(parts, ", ") + " FROM jsonb_each(?)) AS new"
	}
	for i, c := range rows.columns {
		parts[i] = c.name + " " + c.kind
	}
	return "jsonb_to_recordset(CAST(? AS jsonb)) AS new(" + strings.Join(parts, ", ") + ")"
}

// moment is a time as the database writes it into its rows itself.
func (d dialect) moment(at time.Time) string {
	if d.name == sqlite {
		return sqlite3.TimeFormat4.Encode(at).(string)
	}
	return at.UTC().Format(time.RFC3339Nano)
}

func (d dialect) optionalMoment(at *time.Time) *string {
	if at == nil {
		return nil
	}
	text := d.moment(*at)
	return &text
}

// epoch is the seconds since 1970 of a column, which is read quicker than a time.
func (d dialect) epoch(column string) string {
	if d.name == sqlite {
		return "unixepoch(" + column + ")"
	}
	return "CAST(extract(epoch FROM " + column + ") AS bigint)"
}
