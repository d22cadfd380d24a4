package dashboard_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// statements is a log handler that collects the statements of a request, not those of background
// work.
type statements struct{ slog.Handler }

type statementsKey struct{}

func (statements) Enabled(context.Context, slog.Level) bool { return true }

func (statements) Handle(ctx context.Context, record slog.Record) error {
	if collected, ok := ctx.Value(statementsKey{}).(*[]string); ok {
		text := ""
		record.Attrs(func(attr slog.Attr) bool {
			text += attr.String() + " "
			return true
		})
		*collected = append(*collected, text)
	}
	return nil
}

// statementsFor returns the number of statements that a page takes.
func statementsFor(t *testing.T, s *handlerstest.Server, b *handlerstest.Browser, path string) int {
	t.Helper()
	return len(statementsOf(t, s, b, s.Request(t, http.MethodGet, path, ""), http.StatusOK))
}

// statementsOf sends a request with the cookies of b and returns its statements.
func statementsOf(t *testing.T, s *handlerstest.Server, b *handlerstest.Browser, request *http.Request, status int) (collected []string) {
	t.Helper()
	address, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range b.Client.Jar.Cookies(address) {
		request.AddCookie(cookie)
	}
	answer := httptest.NewRecorder()
	s.Handler.ServeHTTP(answer, request.WithContext(context.WithValue(t.Context(), statementsKey{}, &collected)))
	if answer.Code != status {
		t.Fatalf("%s: status = %d, want %d", request.URL.Path, answer.Code, status)
	}
	return collected
}

func TestCreateDialogReadsNoUsage(t *testing.T) {
	s := handlerstest.On(t, modelstest.NewSQLite(t).Logging(t, slog.New(statements{})))
	b := s.SignedIn(t, handlerstest.AdminEmail)
	invalid := s.Request(t, http.MethodPost, listPath, "")
	invalid.Body = io.NopCloser(strings.NewReader(url.Values{"form_id": {"1"}, "name": {""}}.Encode()))
	invalid.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	invalid.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, tt := range []struct {
		name    string
		request *http.Request
		status  int
	}{
		{"empty form", s.Request(t, http.MethodGet, listPath+"/new", ""), http.StatusOK},
		{"validation errors", invalid, http.StatusUnprocessableEntity},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, statement := range statementsOf(t, s, b, tt.request, tt.status) {
				if strings.Contains(statement, "usage") || strings.Contains(statement, "api_key_") {
					t.Errorf("statement reads usage: %s", statement)
				}
			}
		})
	}
}

// TestPagesTakeAConstantNumberOfStatements compares 40 keys with 1,000, of which 50 are in use.
func TestPagesTakeAConstantNumberOfStatements(t *testing.T) {
	for database, open := range map[string]func(testing.TB) *modelstest.Store{"sqlite": modelstest.NewSQLite, "postgres": modelstest.NewPostgreSQL} {
		t.Run(database, func(t *testing.T) {
			pages := func(keys, used, days int) map[string]int {
				s := handlerstest.On(t, open(t).Logging(t, slog.New(statements{})))
				b := manyKeys(t, s, keys, used, days)
				key := newestKey(t, s)
				counts := map[string]int{}
				for name, path := range map[string]string{
					"list": listPath, "search": listPath + "?q=robot", "finding": listPath + "?review=scopes", "review": listPath + "/review",
					"key": listPath + "/" + key.ID, "usage by hour": usagePath(key) + "?period=7d", "usage": usagePath(key) + "?period=90d",
				} {
					counts[name] = statementsFor(t, s, b, path)
				}
				return counts
			}
			few := pages(40, 0, 1)
			if diff := cmp.Diff(few, pages(1000, 50, 4)); diff != "" {
				t.Errorf("statements (-40 keys +1,000 keys):\n%s", diff)
			}
			for name, count := range few {
				if count < 3 || count > 16 {
					t.Errorf("%s: statements = %d, want 3 to 16", name, count)
				}
			}
		})
	}
}

func TestWebhookListTakesAConstantNumberOfStatements(t *testing.T) {
	s := handlerstest.On(t, modelstest.NewSQLite(t).Logging(t, slog.New(statements{})))
	b := s.SignedIn(t, handlerstest.AdminEmail)
	newEndpoint(t, s, b)
	one := statementsFor(t, s, b, webhooksPath)
	for range models.MaxWebhookEndpoints - 1 {
		newEndpoint(t, s, b)
	}
	if one < 3 || one > 8 {
		t.Errorf("statements for one endpoint = %d, want 3 to 8", one)
	}
	modelstest.Equal(t, "statements for the most endpoints", statementsFor(t, s, b, webhooksPath), one)
}
