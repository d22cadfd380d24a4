package models

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// Rows that are written many at a time travel as one JSON text: no limit on the number of
// parameters, and one statement whatever there is to write.

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

// exec runs a statement in which "@rows" stands for the rows and "@columns" for the names of
// their columns.
func (s *Store) exec(ctx context.Context, rows recordset, statement string) error {
	return s.with(ctx).Exec(s.dialect.expand(rows, statement), rows.text).Error
}

// query is exec for a statement with an answer, which is scanned into found.
func (s *Store) query(ctx context.Context, rows recordset, statement string, found any) error {
	return s.with(ctx).Raw(s.dialect.expand(rows, statement), rows.text).Scan(found).Error
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
		return "(SELECT " + strings.Join(parts, ", ") + " FROM json_each(?)) AS new"
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
