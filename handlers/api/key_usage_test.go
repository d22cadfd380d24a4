package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

// requestsOf returns the JSON of numbers of requests.
func requestsOf(requests, refused int, classes map[string]int, more jsonObject) jsonObject {
	statuses := jsonObject{"1xx": 0.0, "2xx": 0.0, "3xx": 0.0, "4xx": 0.0, "5xx": 0.0}
	for class, n := range classes {
		statuses[class] = float64(n)
	}
	out := jsonObject{"requests": float64(requests), "refused": float64(refused), "statuses": statuses}
	for name, value := range more {
		out[name] = value
	}
	return out
}

func TestUsageOfAKey(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		reader := s.Key(t, scope.APIKeysRead)
		key, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "CI", Scopes: scope.Of(scope.SeatsRead, scope.MembersRead)})
		if err != nil {
			t.Fatal(err)
		}
		start := s.Now()
		s.Call(t, secret.Reveal(), "GET", "/seats", "")
		s.Clock.Advance(time.Hour)
		s.Call(t, secret.Reveal(), "GET", "/me", "")
		s.Call(t, secret.Reveal(), "GET", "/seats?limit=0", "")  // 422
		s.Call(t, secret.Reveal(), "POST", "/api_keys", `{}`)    // 403
		s.Call(t, secret.Reveal(), "GET", "/nothing/at/all", "") // 404
		s.Flush(t)

		first, second := start.Truncate(time.Hour), start.Truncate(time.Hour).Add(time.Hour)
		stamp := func(at time.Time) string { return at.UTC().Format(time.RFC3339) }
		var got struct{ Data jsonObject }
		path := "/api_keys/" + key.ID + "/usage"
		s.Call(t, reader, "GET", path+"?by=hour&from="+stamp(first.Add(time.Minute)), "").JSON(t, &got)
		want := requestsOf(5, 1, map[string]int{"2xx": 2, "4xx": 3}, jsonObject{
			"api_key_id": key.ID, "by": "hour", "from": stamp(first), "until": stamp(second.Add(time.Hour)),
			"periods": []any{
				requestsOf(1, 0, map[string]int{"2xx": 1}, jsonObject{"starts_at": stamp(first)}),
				requestsOf(4, 1, map[string]int{"2xx": 1, "4xx": 3}, jsonObject{"starts_at": stamp(second)}),
			},
			"routes": []any{
				requestsOf(2, 0, map[string]int{"2xx": 1, "4xx": 1}, jsonObject{"route": "GET /seats", "scope": "seats.read"}),
				requestsOf(1, 0, map[string]int{"4xx": 1}, jsonObject{"route": nil, "scope": nil}),
				requestsOf(1, 0, map[string]int{"2xx": 1}, jsonObject{"route": "GET /me", "scope": nil}),
				requestsOf(1, 1, map[string]int{"4xx": 1}, jsonObject{"route": "POST /api_keys", "scope": "api_keys.write"}),
			},
			"scopes": []any{
				requestsOf(2, 0, map[string]int{"2xx": 1, "4xx": 1}, jsonObject{"scope": nil, "held": false, "last_used_at": stamp(s.Now())}),
				requestsOf(2, 0, map[string]int{"2xx": 1, "4xx": 1}, jsonObject{"scope": "seats.read", "held": true, "last_used_at": stamp(s.Now())}),
				requestsOf(1, 1, map[string]int{"4xx": 1}, jsonObject{"scope": "api_keys.write", "held": false, "last_used_at": nil}),
				requestsOf(0, 0, nil, jsonObject{"scope": "members.read", "held": true, "last_used_at": nil}),
			},
			"refusals": []any{jsonObject{"reason": "scope", "requests": 1.0}}, "outside_allowlist": 0.0,
		})
		if diff := cmp.Diff(want, got.Data); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for query, periods := range map[string]int{"": 30, "?period=24h": 24, "?period=7d": 7, "?period=7d&by=hour": 168, "?period=90d": 90, "?from=" + stamp(first): 1} {
			var got struct{ Data jsonObject }
			s.Call(t, reader, "GET", path+query, "").JSON(t, &got)
			list, _ := got.Data["periods"].([]any)
			if len(list) != periods || got.Data["requests"] != 5.0 {
				t.Errorf("%s: periods = %d, requests = %v, want %d and 5", query, len(list), got.Data["requests"], periods)
			}
			if from, _ := got.Data["from"].(string); got.Data["by"] == "day" && !strings.HasSuffix(from, "T00:00:00Z") {
				t.Errorf("%s: days start at %s, want midnight UTC", query, from)
			}
		}
	})
}

func TestUsageByStatus(t *testing.T) {
	s := handlerstest.New(t)
	reader, key := s.Key(t, scope.APIKeysRead), s.NamedKey(t, s.Workspace.ID, "CI")
	counts := usage.Counts{ID: "one"}
	for class := 1; class <= 5; class++ {
		counts.Rows = append(counts.Rows, usage.Count{
			APIKeyID: key.ID, WorkspaceID: s.Workspace.ID, StartsAt: usage.Hourly.Start(s.Now()), Route: "GET /me",
			StatusClass: class, Requests: int64(class), Caller: usage.Caller{Address: "192.0.2.1"}, First: s.Now(), Last: s.Now(),
		})
	}
	must(t, s.AddUsage(t.Context(), counts))
	var got struct{ Data jsonObject }
	s.Call(t, reader, "GET", "/api_keys/"+key.ID+"/usage?period=24h", "").JSON(t, &got)
	want := requestsOf(15, 0, map[string]int{"1xx": 1, "2xx": 2, "3xx": 3, "4xx": 4, "5xx": 5}, nil)
	if diff := cmp.Diff(want["statuses"], got.Data["statuses"]); diff != "" || got.Data["requests"] != 15.0 {
		t.Errorf("requests = %v; statuses (-want +got):\n%s", got.Data["requests"], diff)
	}
}

func TestUsageRejectsInvalidQueries(t *testing.T) {
	s := handlerstest.New(t)
	reader := s.Key(t, scope.APIKeysRead)
	var list listBody
	s.Call(t, reader, "GET", "/api_keys", "").JSON(t, &list)
	path := "/api_keys/" + list.Data[0]["id"].(string) + "/usage"
	foreign, _ := s.NewWorkspace(t, "Rival", "rival@rival.test")
	tests := []struct {
		name, auth, path string
		status           int
		says             string
	}{
		{"as it comes", reader, path, 200, ""},
		{"nothing of a name", reader, path + "?period=&by=&from=&until=", 422, "period must not be empty"},
		{"a day in the past", reader, path + "?from=2026-03-01T00:00:00Z&until=2026-03-02T00:00:00Z", 200, ""},
		{"with a zone", reader, path + "?from=2026-03-01T00:00:00%2B02:00", 200, ""},
		{"no scope", s.Key(t, scope.APIKeysWrite), path, 403, ""},
		{"no such key", reader, "/api_keys/key_none/usage", 404, "API key not found"},
		{"another workspace's", s.KeyOf(t, foreign.ID, scope.APIKeysRead), path, 404, "API key not found"},
		{"a period that there is not", reader, path + "?period=31d", 422, "period must be 24h, 7d, 30d, or 90d"},
		{"by what there is not", reader, path + "?by=week", 422, "by must be hour or day"},
		{"in other case", reader, path + "?by=Hour", 422, "by must be"},
		{"90 days by hour", reader, path + "?period=90d&by=hour", 422, "by must be day"},
		{"both", reader, path + "?period=7d&from=2026-03-01T00:00:00Z", 422, "either period, or from and until"},
		{"only until", reader, path + "?until=2026-03-01T00:00:00Z", 422, "from must be given"},
		{"no time", reader, path + "?from=yesterday", 422, "from must be an RFC 3339 time"},
		{"no zone", reader, path + "?from=2026-03-01T00:00:00", 422, "from must be an RFC 3339 time"},
		{"backwards", reader, path + "?from=2026-03-02T00:00:00Z&until=2026-03-01T00:00:00Z", 422, "from must be before until"},
		{"an empty time", reader, path + "?from=2026-03-02T00:00:00Z&until=2026-03-02T00:00:00Z", 422, "from must be before until"},
		{"as long as the hours are kept", reader, path + "?by=hour&from=2025-12-14T09:26:53Z&until=2025-12-15T00:00:00Z", 200, ""},
		{"a second longer", reader, path + "?by=hour&from=2025-12-14T09:26:52Z&until=2025-12-15T00:00:00Z", 422, "within the last 90 days"},
		{"as long as the days are kept", reader, path + "?from=2024-03-14T09:26:53Z&until=2024-04-01T00:00:00Z", 200, ""},
		{"a second longer", reader, path + "?from=2024-03-14T09:26:52Z&until=2024-04-01T00:00:00Z", 422, "within the last 730 days"},
		{"31 days by hour", reader, path + "?by=hour&from=2026-02-01T00:00:00Z&until=2026-03-04T00:00:00Z", 200, ""},
		{"and a second", reader, path + "?by=hour&from=2026-02-01T00:00:00Z&until=2026-03-04T00:00:01Z", 422, "until must be at most 31 days"},
		{"366 days", reader, path + "?from=2025-03-01T00:00:00Z&until=2026-03-02T00:00:00Z", 200, ""},
		{"and a second", reader, path + "?from=2025-03-01T00:00:00Z&until=2026-03-02T00:00:01Z", 422, "until must be at most 366 days"},
		{"in the future", reader, path + "?from=2026-03-20T00:00:00Z", 422, "from must be before until"},
		{"before the hours", reader, path + "?by=hour&from=2025-12-01T00:00:00Z&until=2025-12-02T00:00:00Z", 422, "within the last 90 days"},
		{"before the days", reader, path + "?from=0001-01-01T00:00:00Z&until=0001-01-02T00:00:00Z", 422, "within the last 730 days"},
		{"too many hours", reader, path + "?by=hour&from=2026-01-01T00:00:00Z", 422, "until must be at most 31 days"},
		{"too many days", reader, path + "?from=2026-01-01T00:00:00Z&until=9999-12-31T00:00:00Z", 422, "until must be at most 366 days"},
		{"no query", reader, path + "?from=%zz", 400, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer := s.Call(t, tt.auth, "GET", tt.path, "")
			if answer.Status != tt.status || !strings.Contains(answer.Body, tt.says) {
				t.Errorf("response = %d %s, want %d with %q", answer.Status, answer.Body, tt.status, tt.says)
			}
		})
	}
}
