package modelstest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models/modelstest"
)

func TestSchemasAreEmptiedAndUsedAgain(t *testing.T) {
	var address, empty string
	t.Run("rows", func(t *testing.T) {
		s := modelstest.NewPostgreSQL(t)
		address, empty = s.URL, s.Dump(t)
		s.NewWorkspace(t, "Acme", "ada@acme.test")
		if s.Dump(t) == empty {
			t.Error("the dump shows no workspace")
		}
	})
	t.Run("another column", func(t *testing.T) {
		s := modelstest.NewPostgreSQL(t)
		if s.URL != address {
			t.Errorf("the schema is at %s, want %s again", s.URL, address)
		}
		if diff := cmp.Diff(empty, s.Dump(t)); diff != "" {
			t.Errorf("dump (-new +used again):\n%s", diff)
		}
		s.Exec(t, "ALTER TABLE users ADD COLUMN another integer")
	})
	t.Run("another trigger", func(t *testing.T) {
		s := modelstest.NewPostgreSQL(t)
		if s.URL == address {
			t.Error("a schema with another column is used again")
		}
		address = s.URL
		s.Exec(t, "ALTER TABLE audit_events DISABLE TRIGGER audit_events_kept")
	})
	t.Run("end", func(t *testing.T) {
		if s := modelstest.NewPostgreSQL(t); s.URL == address {
			t.Error("a schema without a trigger is used again")
		}
	})
}
