package dashboard_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// manyKeys returns a workspace with many keys, the newest of which are in constant use, and an admin.
func manyKeys(t testing.TB, s *handlerstest.Server, keys, used, days int) *handlerstest.Browser {
	t.Helper()
	s.FillKeys(t, s.Workspace.ID, s.Admin.ID, keys)
	s.FillUsage(t, s.Workspace.ID, used, days)
	return s.SignedIn(t, handlerstest.AdminEmail).In("Pacific/Auckland")
}

// newestKey returns a key that is in constant use.
func newestKey(t testing.TB, s *handlerstest.Server) *models.APIKey {
	t.Helper()
	list, err := s.APIKeys(t.Context(), s.Workspace.ID, models.APIKeyFilter{PageNumber: 1, PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	return &list.Keys[0]
}

// BenchmarkPagesOf10000Keys requests pages of a workspace with 10,000 keys through the whole server.
func BenchmarkPagesOf10000Keys(b *testing.B) {
	for database, open := range map[string]func(testing.TB) *modelstest.Store{"sqlite": modelstest.NewSQLite, "postgres": modelstest.NewPostgreSQL} {
		s := handlerstest.On(b, open(b))
		browser := manyKeys(b, s, 10_000, 60, 91)
		usage := usagePath(newestKey(b, s))
		for _, page := range []struct{ name, path string }{
			{"list", listPath}, {"search", listPath + "?q=robot+042"}, {"by_last_use", listPath + "?sort=last_used"}, {"finding", listPath + "?review=scopes"},
			{"review", listPath + "/review"}, {"usage_24h", usage + "?period=24h"}, {"usage_90d", usage + "?period=90d"},
		} {
			b.Run(page.name+"/"+database, func(b *testing.B) { benchmarkPage(b, browser, page.path) })
		}
	}
}

func benchmarkPage(b *testing.B, browser *handlerstest.Browser, path string) {
	b.Helper()
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		if page := browser.Get(path); page.Status != http.StatusOK || strings.Contains(page.Body, "No requests in this period") {
			b.Fatal(page.Status)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
}
