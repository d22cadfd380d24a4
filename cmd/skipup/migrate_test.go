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
			t.Errorf("stdout: %q", first.stdout)
		}
		second := skipup(t, env, "migrate")
		second.requireCode(t, exitOK)
		if second.stdout != "up to date\n" {
			t.Errorf("stdout of the second run: %q", second.stdout)
		}
	})
}

func TestDatabaseThatDoesNotOpen(t *testing.T) {
	for _, address := range []string{"sqlite:" + t.TempDir(), "sqlite:/nowhere/skipup.db", "postgres://127.0.0.1:1/"} {
		skipup(t, nil, "migrate", "--database", address).requireFailure(t, exitFailed, "the database does not open, check --database (DATABASE_URL)")
	}
}
