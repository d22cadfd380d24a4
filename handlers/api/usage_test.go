package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/usage"
)

// TestRequestsAreCountedByKey includes rejected requests with expired and deleted keys.
func TestRequestsAreCountedByKey(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		expiry := s.Now().Add(time.Hour)
		key, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{
			Name: "CI", Scopes: scope.Of(scope.MeetingRequestsRead), ExpiresAt: &expiry,
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			s.Call(t, secret.Reveal(), "GET", "/me", "")
		}
		s.Call(t, secret.Reveal(), "GET", "/meeting_requests", "")
		s.Call(t, secret.Reveal(), "GET", "/meeting_requests?limit=0", "") // 422
		s.Call(t, secret.Reveal(), "DELETE", "/api_keys/key_1", "")        // 403
		s.Call(t, secret.Reveal(), "GET", "/nothing", "")                  // 404
		s.Call(t, token.New(token.Live).Reveal(), "GET", "/me", "")        // nobody's
		s.Call(t, "", "GET", "/me", "")
		s.Clock.Advance(time.Hour)
		s.Call(t, secret.Reveal(), "GET", "/me", "") // expired
		if _, err := s.DeleteAPIKey(t.Context(), s.Workspace.ID, key.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		s.Call(t, secret.Reveal(), "GET", "/me", "") // deleted
		s.Flush(t)

		first, second := s.Now().Truncate(time.Hour).Add(-time.Hour), s.Now().Truncate(time.Hour)
		count := func(hour time.Time, route, needs string, class int, refusal usage.Rejection, requests int64) usage.Count {
			return usage.Count{APIKeyID: key.ID, WorkspaceID: s.Workspace.ID, StartsAt: hour, Route: route, Scope: needs,
				StatusClass: class, Rejection: refusal, Requests: requests}
		}
		want := []usage.Count{
			count(first, "", "", 4, usage.Accepted, 1),
			count(first, "DELETE /api_keys/:id", "api_keys.write", 4, usage.RejectedScope, 1),
			count(first, "GET /me", "", 2, usage.Accepted, 3),
			count(first, "GET /meeting_requests", "meeting_requests.read", 2, usage.Accepted, 1),
			count(first, "GET /meeting_requests", "meeting_requests.read", 4, usage.Accepted, 1),
			count(second, "", "", 4, usage.RejectedDeleted, 1),
			count(second, "", "", 4, usage.RejectedExpired, 1),
		}
		got, err := s.Usage(t.Context(), s.Workspace.ID, key.ID, usage.Hourly, first, second.Add(time.Hour))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("usage (-want +got): %v\n%s", err, diff)
		}
	})
}

func TestCallersAndLastUseAreStored(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "CI"})
		if err != nil {
			t.Fatal(err)
		}
		call := func(agent, path string) {
			request := s.Request(t, http.MethodGet, "/api/v1"+path, "")
			request.Header.Set("Authorization", "Bearer "+secret.Reveal())
			request.Header.Set("User-Agent", agent)
			handlerstest.Send(t, http.DefaultClient, request)
		}
		start := s.Now()
		call("old/1", "/me")
		s.Clock.Advance(time.Minute)
		call("new/2", "/me")
		call("new/2", "/me")
		s.Clock.Advance(time.Minute)
		call("new/2", "/meeting_requests") // 403
		s.Flush(t)

		minute := func(n int) *time.Time { at := start.Add(time.Duration(n) * time.Minute); return &at }
		want := []models.APIKeyCaller{
			{APIKeyID: key.ID, WorkspaceID: s.Workspace.ID, Address: "127.0.0.1", UserAgent: "new/2", Accepted: 2, Rejected: 1,
				FirstSeenAt: *minute(1), LastSeenAt: *minute(2), LastAcceptedAt: minute(1), FirstRejectedAt: minute(2), LastRejectedAt: minute(2),
				LastRejection: usage.RejectedScope, LastRejectedRoute: "GET /meeting_requests"},
			{APIKeyID: key.ID, WorkspaceID: s.Workspace.ID, Address: "127.0.0.1", UserAgent: "old/1", Accepted: 1,
				FirstSeenAt: start, LastSeenAt: start, LastAcceptedAt: minute(0)},
		}
		got, err := s.CallersOf(t.Context(), s.Workspace.ID, key.ID)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("callers (-want +got): %v\n%s", err, diff)
		}
		used, err := s.APIKey(t.Context(), s.Workspace.ID, key.ID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "LastUsedAt", used.LastUsedAt, minute(1))
		modelstest.Equal(t, "LastUsedAddress", used.LastUsedAddress, "127.0.0.1")
		modelstest.Equal(t, "LastUsedUserAgent", used.LastUsedUserAgent, "new/2")
		modelstest.Equal(t, "LastUsedRoute", used.LastUsedRoute, "GET /me")
	})
}

// TestUsageSurvivesAnOutage stores later what was counted while nothing could be stored.
func TestUsageSurvivesAnOutage(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "CI"})
		if err != nil {
			t.Fatal(err)
		}
		s.Exec(t, "ALTER TABLE usage_flushes RENAME TO away")
		for range 5 {
			s.Call(t, secret.Reveal(), "GET", "/me", "")
			s.Flush(t)
		}
		got, err := s.Usage(t.Context(), s.Workspace.ID, key.ID, usage.Daily, s.Now().Add(-48*time.Hour), s.Now())
		if err != nil || len(got) != 0 {
			t.Errorf("usage during the outage = %+v, %v, want none", got, err)
		}
		s.Exec(t, "ALTER TABLE away RENAME TO usage_flushes")
		s.Flush(t)
		got, err = s.Usage(t.Context(), s.Workspace.ID, key.ID, usage.Daily, s.Now().Add(-48*time.Hour), s.Now())
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 {
			t.Fatalf("usage = %+v, want one day", got)
		}
		modelstest.Equal(t, "requests", got[0].Requests, 5)
	})
}
