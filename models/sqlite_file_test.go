package models_test

import (
	"os"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// A connection that is opened after the file was deleted would otherwise use a new, empty one.
func TestNewConnectionsRejectAnotherFile(t *testing.T) {
	t.Parallel()
	for name, replace := range map[string]func(path string) error{
		"deleted":  os.Remove,
		"replaced": func(path string) error { return os.Rename(path, path+".old") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t, modelstest.NewSQLite(t), "Acme", "ada@acme.test")
			pool, err := s.DB().DB()
			if err != nil {
				t.Fatal(err)
			}
			for range pool.Stats().OpenConnections { // so that the next query needs a new one
				connection, err := pool.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = connection.Close() }()
			}
			path, _ := models.SQLiteFile(s.URL)
			if err := replace(path); err != nil {
				t.Fatal(err)
			}
			_, err = s.Workspaces(t.Context())
			if !models.IsUnavailable(err) {
				t.Errorf("error = %v, want one that says that the database is unavailable", err)
			}
			modelstest.Equal(t, "cause", models.OutageCause(err),
				"The database file was deleted or replaced while the server runs. Restore it, then restart the server.")
		})
	}
}
