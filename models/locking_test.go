package models_test

import (
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// The Store uses clause.Locking without checking the database, because SQLite has no row locks and
// its driver must drop the clause.
func TestLockingClauseIsDroppedOnSQLite(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		sql := s.DB().ToSQL(func(db *gorm.DB) *gorm.DB {
			return db.Clauses(clause.Locking{Strength: "UPDATE", Options: "SKIP LOCKED"}).Find(&[]models.Workspace{})
		})
		want := !strings.HasPrefix(s.URL, "sqlite:")
		if got := strings.Contains(sql, "FOR UPDATE SKIP LOCKED"); got != want {
			t.Errorf("locking clause in %q = %v, want %v", sql, got, want)
		}
	})
}
