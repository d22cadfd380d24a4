package models_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

// fixture is a Store with a workspace and a context in which its admin acts.
type fixture struct {
	*modelstest.Store
	id    string // of the workspace
	admin *models.Member
	ctx   context.Context
}

// eachDatabase runs test in parallel with other tests, on both databases, with a workspace.
func eachDatabase(t *testing.T, test func(t *testing.T, s fixture)) {
	t.Helper()
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) { test(t, newFixture(t, s, "Acme", "ada@acme.test")) })
}

func newFixture(t *testing.T, s *modelstest.Store, name, email string) fixture {
	t.Helper()
	workspace, admin := s.NewWorkspace(t, name, email)
	return fixture{Store: s, id: workspace.ID, admin: admin, ctx: models.WithActor(t.Context(), models.Actor{
		Type: models.ActorMember, ID: admin.ID, Name: admin.User.Name, Role: admin.Role, Address: "192.0.2.7", UserAgent: "Browser/1.0",
	})}
}

// key creates a key with the scope seats.read.
func (s fixture) key(t *testing.T, name string) *models.APIKey {
	t.Helper()
	return s.keyOf(t, models.NewAPIKey{Name: name, Scopes: scope.Of(scope.SeatsRead)})
}

func (s fixture) keyOf(t *testing.T, n models.NewAPIKey) *models.APIKey {
	t.Helper()
	key, _, err := s.CreateAPIKey(s.ctx, s.id, n)
	if err != nil {
		t.Fatalf("create API key %q: %v", n.Name, err)
	}
	return key
}

// keyThatExpires creates a key with an expiry that may be in the past.
func (s fixture) keyThatExpires(t *testing.T, name string, at time.Time) *models.APIKey {
	t.Helper()
	key := s.key(t, name)
	if err := s.DB().Model(key).Where("id = ?", key.ID).UpdateColumn("expires_at", at).Error; err != nil {
		t.Fatal(err)
	}
	key.ExpiresAt = &at
	return key
}

func wantKind(t *testing.T, err error, kind models.Kind) {
	t.Helper()
	if !models.IsKind(err, kind) {
		t.Errorf("error = %v (%T), want kind %d", err, err, kind)
	}
}

// wantFields fails the test unless err has errors for exactly the given fields.
func wantFields(t *testing.T, err error, names ...string) {
	t.Helper()
	fields, _ := models.FieldsOf(err)
	for _, name := range names {
		if fields[name] == "" {
			t.Errorf("error = %v, want one for field %s", err, name)
		}
	}
	if len(fields) != len(names) {
		t.Errorf("field errors = %v, want errors for %v only", fields, names)
	}
}

// wantContains fails the test unless text contains each of parts.
func wantContains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("text = %q, want it to contain %q", text, part)
		}
	}
}

// wantUnchanged fails the test if do changes the database.
func wantUnchanged(t *testing.T, s *modelstest.Store, do func()) {
	t.Helper()
	before := s.Dump(t)
	do()
	if diff := cmp.Diff(strings.Split(before, "\n"), strings.Split(s.Dump(t), "\n")); diff != "" {
		t.Errorf("database changed (-before +after):\n%s", diff)
	}
}

// atOnce calls do n times concurrently and returns the results.
func atOnce[T any](n int, do func(i int) T) []T {
	results := make([]T, n)
	start, done := make(chan struct{}), sync.WaitGroup{}
	for i := range n {
		done.Go(func() {
			<-start
			results[i] = do(i)
		})
	}
	close(start)
	done.Wait()
	return results
}

// wantOneWinner fails the test unless exactly one of errs is nil and isLoser accepts all others.
func wantOneWinner(t *testing.T, errs []error, isLoser func(error) bool) {
	t.Helper()
	winners := 0
	for _, err := range errs {
		switch {
		case err == nil:
			winners++
		case !isLoser(err):
			t.Errorf("unexpected error: %v", err)
		}
	}
	if winners != 1 {
		t.Errorf("%d of %d calls succeeded, want 1", winners, len(errs))
	}
}

func isNotFound(err error) bool { return models.IsKind(err, models.NotFound) }

var errStop = errors.New("stop")

// afterReading calls fn once, after s first reads the given table. On SQLite, s must not be in a
// transaction at that time.
func afterReading(t *testing.T, s *modelstest.Store, table string, fn func()) {
	t.Helper()
	var read atomic.Bool
	err := s.DB().Callback().Query().After("*").Register("interrupt", func(db *gorm.DB) {
		if db.Statement.Table == table && !read.Swap(true) {
			fn()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// statements returns the number of queries that do executes.
func (s fixture) statements(t *testing.T, do func() error) (count int) {
	t.Helper()
	note := func(*gorm.DB) { count++ }
	callbacks := s.DB().Callback()
	if err := errors.Join(callbacks.Query().Before("gorm:query").Register("count", note), callbacks.Raw().Before("gorm:raw").Register("count", note),
		callbacks.Row().Before("gorm:row").Register("count", note)); err != nil {
		t.Fatal(err)
	}
	err := do()
	if err := errors.Join(err, callbacks.Query().Remove("count"), callbacks.Raw().Remove("count"), callbacks.Row().Remove("count")); err != nil {
		t.Fatal(err)
	}
	return count
}
