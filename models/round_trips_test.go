package models_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// Each statement is a round trip to the database, as are the beginning and the end of each transaction,
// which aren't counted here. Between the statement that locks the epoch and the commit, there is none.
func TestStatementsOfAChange(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	key := s.key(t, "CI")
	var log bytes.Buffer
	logging := s.Logging(t, slog.New(slog.NewTextHandler(&log, nil)))
	tests := []struct {
		name       string
		change     func() error
		statements int
		afterLock  int
	}{
		{"pause", func() error {
			_, err := logging.PauseAPIKey(s.ctx, s.id, key.ID, s.Now().Add(time.Hour))
			return err
		}, 7, 1},
		{"delete", func() error {
			_, err := logging.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation)
			return err
		}, 11, 5}, // after the commit, it looks at the nodes and writes the receipt
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			log.Reset()
			if err := tt.change(); err != nil {
				t.Fatal(err)
			}
			before, after, locked := strings.Cut(log.String(), "UPDATE revocation")
			modelstest.Equal(t, "locks the epoch", locked, true)
			count := func(text string) int { return strings.Count(text, "trace.sql=") }
			modelstest.Equal(t, "statements", count(before)+count(after), tt.statements)
			modelstest.Equal(t, "statements after the epoch is locked", count(after), tt.afterLock)
		})
	}
}
