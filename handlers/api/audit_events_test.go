package api_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// actionsOf returns the actions of the audit events in a response, oldest first.
func actionsOf(t *testing.T, response handlerstest.Response) []string {
	t.Helper()
	var page listBody
	response.JSON(t, &page)
	actions := []string{}
	for _, event := range page.Data {
		actions = append(actions, event["action"].(string))
	}
	slices.Reverse(actions)
	return actions
}

func TestListAuditEvents(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key := s.Key(t, scope.ReadOnly.Scopes()...)
		asAda := models.WithActor(t.Context(), models.Actor{Type: models.ActorMember, ID: s.Admin.ID, Name: "Ada", Role: models.Admin, Address: "203.0.113.7", UserAgent: "curl/8"})
		s.Clock.Advance(time.Minute)
		created, secret, err := s.CreateAPIKey(asAda, s.Workspace.ID, models.NewAPIKey{Name: "Payroll"})
		must(t, err)
		s.Clock.Advance(1900 * time.Millisecond) // both bounds apply to whole seconds
		at := s.Now()
		_, err = s.PauseAPIKey(asAda, s.Workspace.ID, created.ID, at.Add(time.Hour))
		must(t, err)
		second := at.Truncate(time.Second)

		for query, want := range map[string][]string{
			"actor=" + s.Admin.ID + "&target=" + created.ID: {"api_key.created", "api_key.paused"},
			"actor=aDA&target=payroll":                      {"api_key.created", "api_key.paused"},
			"action=api_key.paused":                         {"api_key.paused"},
			"action=api_key.exploded":                       {},
			"actor=system":                                  {},
			"target=Payroll&created_after=" + url.QueryEscape(second.Format(time.RFC3339)):                    {"api_key.paused"},
			"target=Payroll&created_before=" + url.QueryEscape(second.Format(time.RFC3339)):                   {"api_key.created", "api_key.paused"},
			"target=Payroll&created_before=" + url.QueryEscape(second.Add(-time.Second).Format(time.RFC3339)): {"api_key.created"},
		} {
			response := s.Want(t, http.StatusOK, key, "GET", "/audit_events?"+query, "")
			if diff := cmp.Diff(want, actionsOf(t, response)); diff != "" {
				t.Errorf("%s: actions (-want +got):\n%s", query, diff)
			}
			for _, hidden := range []string{secret.Reveal(), key} {
				if strings.Contains(response.Body, hidden) {
					t.Errorf("%s: the response contains an API key", query)
				}
			}
		}
		var page listBody
		s.Want(t, http.StatusOK, key, "GET", "/audit_events?action=api_key.paused", "").JSON(t, &page)
		events, head, err := s.AuditHead(t.Context(), s.Workspace.ID)
		must(t, err)
		got := page.Data[0]
		for name, want := range map[string]any{
			"created_at": at.Format("2006-01-02T15:04:05Z"), "actor_type": "member", "actor_id": s.Admin.ID, "actor": "Ada",
			"target_type": "api_key", "target_id": created.ID, "target": "Payroll", "address": "203.0.113.7", "user_agent": "curl/8",
			"seq": float64(events), "hash": head,
		} {
			if got[name] != want {
				t.Errorf("%s = %v, want %v", name, got[name], want)
			}
		}
		checkError(t, s.Call(t, key, "GET", "/audit_events?created_after=yesterday", ""), 422, "validation_error", "created_after must be an RFC 3339 time")
	})
}

// TestAuditEventsNeedEveryReadScope checks keys that lack one of the scopes.
func TestAuditEventsNeedEveryReadScope(t *testing.T) {
	s := handlerstest.New(t)
	for _, missing := range scope.ReadOnly.Scopes() {
		key := s.Key(t, scope.All.Without(scope.Of(missing)).Scopes()...)
		s.Want(t, http.StatusForbidden, key, "GET", "/audit_events", "")
		checkError(t, s.Call(t, key, "POST", "/webhook_endpoints", `{"url":"https://hooks.example.com/","events":["audit.event"]}`),
			http.StatusForbidden, "forbidden", "")
	}
	s.Want(t, http.StatusOK, s.Key(t, scope.ReadOnly.Scopes()...), "GET", "/audit_events", "")
}
