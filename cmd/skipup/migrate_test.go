package main

import (
	"strings"
	"testing"
)

func TestMigrate(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		first := skipup(t, env, "migrate")
		first.requireCode(t, exitOK)
		if !strings.HasPrefix(first.stdout, "applied 00001_foundation.sql\n") {
			t.Errorf("stdout = %q, want the applied migrations", first.stdout)
		}
		second := skipup(t, env, "migrate")
		second.requireCode(t, exitOK)
		if second.stdout != "up to date\n" {
			t.Errorf("stdout of the second run = %q, want \"up to date\"", second.stdout)
		}
	})
}

func TestDatabaseCannotBeOpened(t *testing.T) {
	for _, url := range []string{"sqlite:" + t.TempDir(), "sqlite:/nowhere/skipup.db", "postgres://127.0.0.1:1/"} {
		skipup(t, nil, "migrate", "--database", url).requireFailure(t, exitFailed, "can't open the database", "--database (DATABASE_URL)")
	}
}
