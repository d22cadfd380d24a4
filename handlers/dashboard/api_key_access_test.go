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
		saved := b.Post(address, url.Values{"access_before": {"meeting_requests.read/0"}, "scopes": {"api_keys.read"}, "expiry": {"keep"}})
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
		{"past date", url.Values{"access_before": {"/0"}, "scopes": {"seats.read"}, "expiry": {"date"}, "expiry_date": {"2020-01-01"}}, "Expiry must be in the future."},
		{"no choice", url.Values{"access_before": {"/0"}, "scopes": {"seats.read"}, "expiry": {"soon"}}, "Expiry must be one of the options."},
		{"no such scope", url.Values{"access_before": {"/0"}, "scopes": {"seats.read", "seats"}, "expiry": {"keep"}}, "Scopes must be from the list."},
		{"outdated", url.Values{"access_before": {"members.read/0"}, "scopes": {"seats.read"}, "expiry": {"keep"}}, "Your changes aren’t saved"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer := b.Post(address, tt.form)
			answer.Want(t, http.StatusUnprocessableEntity, tt.says)
			modelstest.Equal(t, "checked scopes", document(t, answer).Find(`input[value="seats.read"][checked]`).Length(), 1)
			modelstest.Equal(t, "access", keysOf(t, s)[0].Access(), models.KeyAccess{})
		})
	}
	preset := b.Post(address, url.Values{"preset": {"read_only"}, "expiry": {"never"}})
	preset.Want(t, http.StatusOK)
	modelstest.Equal(t, "checked scopes", document(t, preset).Find(`input[name="scopes"][checked]`).Length(), scope.ReadOnly.Len())
	modelstest.Equal(t, "access after choosing a preset", keysOf(t, s)[0].Access(), models.KeyAccess{})
	if _, err := s.DeleteAPIKey(t.Context(), s.Workspace.ID, key.ID, models.NoConfirmation); err != nil {
		t.Fatal(err)
	}
	if gone := b.Get(address); gone.Status != http.StatusConflict {
		t.Errorf("of a deleted key: %d", gone.Status)
	}
}

// TestAccessChangedAtTheSameTime removes a scope after a form in which it is checked was read, and
// before that form is saved.
func TestAccessChangedAtTheSameTime(t *testing.T) {
	s := handlerstest.On(t, modelstest.NewPostgreSQL(t))
	b := s.SignedIn(t, handlerstest.AdminEmail)
	key, _, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "CI", Scopes: scope.Of(scope.SeatsRead)})
	if err != nil {
		t.Fatal(err)
	}
	commit := s.Begin(t, "UPDATE revocation SET epoch = epoch + 1, change_id = 'chg_1'", "UPDATE api_keys SET scopes = '', changed_epoch = 1 WHERE id = '"+key.ID+"'")
	posted := make(chan handlerstest.Response, 1)
	go func() {
		posted <- b.Post(listPath+"/"+key.ID+"/access", url.Values{"access_before": {"seats.read/0"}, "scopes": {"seats.read", "members.read"}, "expiry": {"keep"}})
	}()
	for deadline := time.Now().Add(10 * time.Second); !isWaiting(t, s) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	commit()
	answer := <-posted
	answer.Want(t, http.StatusUnprocessableEntity, "Your changes aren’t saved")
	modelstest.Equal(t, "access_before", document(t, answer).Find(`input[name="access_before"]`).AttrOr("value", "none"), "/0")
	if now := keysOf(t, s)[0]; !now.Scopes.IsEmpty() {
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
	if err := db.QueryRow("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'SELECT \"api_keys\".%'").Scan(&waiting); err != nil {
		t.Fatal(err)
	}
	return waiting
}

// TestRateLimitIsSuggested uses the suggestion, saves it, and shows it.
func TestRateLimitIsSuggested(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	secret := s.Key(t)
	address := listPath + "/" + keysOf(t, s)[0].ID
	if strings.Contains(b.Get(address+"/access").Body, "Busiest hour") {
		t.Error("a limit is suggested without requests")
	}
	for range 61 {
		s.Want(t, http.StatusOK, secret, "GET", "/me", "")
	}
	s.Flush(t)
	asked := b.Get(address + "/access")
	asked.Want(t, http.StatusOK, "Busiest hour in 30 days: 61 requests", "2 per minute on average", "If empty, there’s no limit.")
	form := url.Values{"access_before": {"/0"}, "expiry": {"keep"}, "preset": {"rate_limit"}}
	suggested := document(t, b.Post(address+"/access", form))
	modelstest.Equal(t, "suggested limit", suggested.Find("input[name=rate_limit]").AttrOr("value", ""), "10")
	modelstest.Equal(t, "limit before it is saved", keysOf(t, s)[0].RateLimit, 0)
	form.Del("preset")
	for _, wrong := range []string{"0", "-1", "1000001", "many"} {
		form.Set("rate_limit", wrong)
		b.Post(address+"/access", form).Want(t, http.StatusUnprocessableEntity, "Rate limit must be a whole number from 1 to 1000000.")
	}
	form.Set("rate_limit", "10")
	b.Post(address+"/access", form).Want(t, http.StatusSeeOther)
	modelstest.Equal(t, "limit", keysOf(t, s)[0].RateLimit, 10)
	b.Get(address).Want(t, http.StatusOK, "10 requests per minute")
	b.Post(address+"/access", form).Want(t, http.StatusUnprocessableEntity, "Your changes aren’t saved")
}
