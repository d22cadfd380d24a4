package modelstest

import (
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Elsewhere returns the URL of an empty database that is in another place than the one at a URL, and
// is of the same kind. On PostgreSQL, it has an empty schema of the same name.
func Elsewhere(t testing.TB, databaseURL string) string {
	t.Helper()
	if strings.HasPrefix(databaseURL, "sqlite:") {
		return SQLiteURL(t)
	}
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test_%d", time.Now().UnixNano())
	execute(t, "", "CREATE DATABASE "+name)
	t.Cleanup(func() { execute(t, "", "DROP DATABASE "+name+" WITH (FORCE)") })
	parsed.Path = "/" + name
	execute(t, parsed.String(), "CREATE SCHEMA "+parsed.Query().Get("search_path"))
	return parsed.String()
}

func execute(t testing.TB, databaseURL, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// DropSchema drops the empty schema of a PostgreSQL URL.
func DropSchema(t testing.TB, databaseURL string) {
	t.Helper()
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, databaseURL, "DROP SCHEMA "+parsed.Query().Get("search_path"))
}
