package modelstest

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	_ "github.com/ncruces/go-sqlite3/driver" // the database/sql driver "sqlite3"
)

// Dump returns every row of every table, one per line, in an order that does not depend on the
// database. Tests use it to search for data that must not be stored and to check that nothing was
// changed. Bytes are not encoded.
func (s *Store) Dump(t testing.TB) string {
	t.Helper()
	tables := "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
	if strings.HasPrefix(s.URL, "sqlite:") {
		tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
	}
	var lines []string
	for _, table := range strs(t, s.direct, tables) {
		lines = append(lines, dumpTable(t, s.direct, table)...)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// rawDSN returns the database/sql driver and data source name of a database URL.
func rawDSN(databaseURL string) (driver, dsn string) {
	if path, isSQLite := strings.CutPrefix(databaseURL, "sqlite:"); isSQLite {
		return "sqlite3", "file:" + path
	}
	return "pgx", databaseURL
}

func strs(t testing.TB, db *sql.DB, query string) []string {
	t.Helper()
	values, err := queryStrings(db, query)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// queryStrings returns the only column of a query's rows.
func queryStrings(db *sql.DB, query string, args ...any) (values []string, err error) {
	rows, err := db.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, rows.Err()
}

func dumpTable(t testing.TB, db *sql.DB, table string) []string {
	t.Helper()
	rows, err := db.Query("SELECT * FROM " + table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, targets := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	var lines []string
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			t.Fatal(err)
		}
		line := table
		for i, column := range columns {
			value := values[i]
			if bytes, ok := value.([]byte); ok {
				value = string(bytes)
			}
			line += fmt.Sprintf("\t%s=%v", column, value)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}
