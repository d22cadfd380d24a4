package dashboard_test

import (
	"database/sql"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

// TestAccessIsInForceWhenItIsSaved, on every node.
func TestAccessIsInForceWhenItIsSaved(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b, another := s.SignedIn(t, handlerstest.AdminEmail), s.AnotherNode(t)
		key, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "CI", Scopes: scope.Of(scope.MeetingRequestsRead)})
		if err != nil {
			t.Fatal(err)
		}
		status := func(path string) int { return another.Call(t, secret.Reveal(), "GET", path, "").Status }
		if got := status("/meeting_requests"); got != http.StatusOK {
			t.Fatalf("before: %d", got)
		}
		address := listPath + "/" + key.ID + "/access"
		saved := b.Post(address, url.Values{"scopes_before": {"meeting_requests.read"}, "scopes": {"api_keys.read"}, "expiry": {"keep"}})
		if saved.Status != http.StatusSeeOther {
			t.Fatalf("save: %d %s", saved.Status, saved.Body)
		}
		if lost, got := status("/meeting_requests"), status("/api_keys"); lost != http.StatusForbidden || got != http.StatusOK {
			t.Errorf("after: %d without the scope and %d with it", lost, got)
		}
	})
}

func TestRejectedAccessKeepsTheSelection(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	key := s.NamedKey(t, s.Workspace.ID, "CI")
	address := listPath + "/" + key.ID + "/access"
	tests := []struct {
		name string
		form url.Values
		says string
	}{
		{"a date that is past", url.Values{"scopes": {"seats.read"}, "expiry": {"date"}, "expiry_date": {"2020-01-01"}}, "Expiry must be in the future."},
		{"no choice", url.Values{"scopes": {"seats.read"}, "expiry": {"soon"}}, "Expiry must be one of the options."},
		{"no such scope", url.Values{"scopes": {"seats.read", "seats"}, "expiry": {"keep"}}, "Scopes must be from the list."},
		{"outdated", url.Values{"scopes_before": {"members.read"}, "scopes": {"seats.read"}, "expiry": {"keep"}}, "Your changes aren’t saved"},
	}
	for _, tt := range tests {
		answer := b.Post(address, tt.form)
		ticked := document(t, answer).Find(`input[value="seats.read"][checked]`).Length()
		if answer.Status != http.StatusUnprocessableEntity || !strings.Contains(answer.Body, tt.says) || ticked != 1 {
			t.Errorf("%s: %d, the scope ticked %d times, or it does not say %q", tt.name, answer.Status, ticked, tt.says)
		}
		if now := keysOf(t, s)[0]; now.Scopes != 0 || now.ExpiresAt != nil {
			t.Errorf("%s: the key is %+v", tt.name, now)
		}
	}
	preset := b.Post(address, url.Values{"preset": {"read_only"}, "expiry": {"never"}})
	if preset.Status != http.StatusOK || document(t, preset).Find(`input[name="scopes"][checked]`).Length() != scope.ReadOnly.Len() || keysOf(t, s)[0].Scopes != 0 {
		t.Errorf("a preset: %d", preset.Status)
	}
	if _, err := s.DeleteAPIKey(t.Context(), s.Workspace.ID, key.ID, models.NoConfirmation); err != nil {
		t.Fatal(err)
	}
	if gone := b.Get(address); gone.Status != http.StatusNotFound {
		t.Errorf("of a deleted key: %d", gone.Status)
	}
}

// TestAccessThatIsChangedAtTheSameTime: somebody takes a scope away just when the form of another,
// which has it ticked, is read and not saved yet.
func TestAccessThatIsChangedAtTheSameTime(t *testing.T) {
	s := handlerstest.On(t, modelstest.NewPostgreSQL(t))
	b := s.SignedIn(t, handlerstest.AdminEmail)
	key, _, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "CI", Scopes: scope.Of(scope.SeatsRead)})
	if err != nil {
		t.Fatal(err)
	}
	commit := s.Begin(t, "UPDATE revocation SET epoch = epoch + 1", "UPDATE api_keys SET scopes = '', changed_epoch = 1 WHERE id = '"+key.ID+"'")
	posted := make(chan handlerstest.Response, 1)
	go func() {
		posted <- b.Post(listPath+"/"+key.ID+"/access", url.Values{"scopes_before": {"seats.read"}, "scopes": {"seats.read", "members.read"}, "expiry": {"keep"}})
	}()
	for deadline := time.Now().Add(10 * time.Second); !isWaiting(t, s) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	commit()
	answer := <-posted
	if answer.Status != http.StatusUnprocessableEntity || !strings.Contains(answer.Body, "Your changes aren’t saved") ||
		document(t, answer).Find(`input[name="scopes_before"]`).AttrOr("value", "none") != "" {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
	if now := keysOf(t, s)[0]; now.Scopes != 0 {
		t.Errorf("the key has the scopes %s again", now.Scopes)
	}
}

// isWaiting reports whether a change of a key waits for another.
func isWaiting(t *testing.T, s *handlerstest.Server) bool {
	t.Helper()
	db, err := sql.Open("pgx", s.Store.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var waiting bool
	if err := db.QueryRow("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE revocation%'").Scan(&waiting); err != nil {
		t.Fatal(err)
	}
	return waiting
}
