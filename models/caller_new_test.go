package models_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestNewCallers(t *testing.T) {
	now := modelstest.Start
	seen := func(address string, ago time.Duration) models.APIKeyCaller {
		return models.APIKeyCaller{Address: address, FirstSeenAt: now.Add(-ago)}
	}
	old, recent, edge, others := seen("a", 30*24*time.Hour), seen("b", time.Hour), seen("c", models.CallerIsNew), seen("", time.Hour)
	for _, tt := range []struct {
		callers []models.APIKeyCaller
		want    []bool
		count   int
	}{
		{nil, []bool{}, 0},
		{[]models.APIKeyCaller{recent}, []bool{false}, 0},
		{[]models.APIKeyCaller{recent, old, edge}, []bool{true, false, false}, 1},
		{[]models.APIKeyCaller{old, recent}, []bool{false, true}, 1},
		{[]models.APIKeyCaller{recent, edge}, []bool{true, false}, 1},
		{[]models.APIKeyCaller{recent, others}, []bool{true, false}, 1},
	} {
		isNew, count := models.NewCallers(tt.callers, now)
		if diff := cmp.Diff(tt.want, isNew); diff != "" || count != tt.count {
			t.Errorf("new callers = %d, want %d: %s", count, tt.count, diff)
		}
	}
}
