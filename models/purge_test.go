package models_test

import (
	"slices"
	"testing"

	"gorm.io/gorm"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// TestPurgeDeletesInPortions checks that a purge after a long stop doesn't block other writes on
// SQLite.
func TestPurgeDeletesInPortions(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewSQLite(t), "Acme", "ada@acme.test")
	s.FillKeys(t, s.id, s.admin.ID, 1)
	s.FillUsage(t, s.id, 1, 60)
	s.Clock.Advance(models.UsageDaysKept)
	var deleted []int64
	deletions := s.DB().Callback().Delete()
	if err := deletions.After("gorm:delete").Register("note", func(db *gorm.DB) {
		if db.RowsAffected > 0 {
			deleted = append(deleted, db.RowsAffected)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.PurgeExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(deleted) < 3 || slices.Max(deleted) > 5_000 {
		t.Errorf("rows deleted at once = %v, want at most 5,000", deleted)
	}
	wantCount(t, s.Store, "api_key_usage_hours", 0)
	wantCount(t, s.Store, "api_key_callers", 0)
}
