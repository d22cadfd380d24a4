package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

// newKey creates a key in the workspace of s.
func newKey(t *testing.T, s *handlerstest.Server, n models.NewAPIKey) (key *models.APIKey, text string) {
	t.Helper()
	key, secret, err := s.CreateAPIKey(context.Background(), s.Workspace.ID, n)
	if err != nil {
		t.Fatal(err)
	}
	return key, secret.Reveal()
}

// fields returns fields of the data of a response as text.
func fields(t *testing.T, response handlerstest.Response, names ...string) map[string]string {
	t.Helper()
	var body struct{ Data map[string]any }
	response.JSON(t, &body)
	got := map[string]string{}
	for _, name := range names {
		got[name] = fmt.Sprint(body.Data[name])
	}
	return got
}

func TestKeyDeletesItself(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key, text := newKey(t, s, models.NewAPIKey{Name: "CI"})
		s.Want(t, http.StatusNoContent, text, http.MethodDelete, "/me", "")
		checkUnauthorized(t, s.Call(t, text, http.MethodGet, "/me", ""), invalidToken)
		checkUnauthorized(t, s.Call(t, text, http.MethodDelete, "/me", ""), invalidToken)
		row, err := s.APIKey(context.Background(), s.Workspace.ID, key.ID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "deleted by", row.DeletedByName, "CI")
	})
}

func TestKeysAreListedByState(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		ctx := context.Background()
		admin := s.Key(t, scope.APIKeysRead)
		soon := s.Clock.Now().Add(time.Hour)
		for _, name := range []string{"expired", "soon"} {
			newKey(t, s, models.NewAPIKey{Name: name, ExpiresAt: &soon})
			soon = soon.Add(time.Hour)
		}
		for _, name := range []string{"paused", "deleted", "both"} {
			key, _ := newKey(t, s, models.NewAPIKey{Name: name})
			if name != "deleted" {
				if _, err := s.PauseAPIKey(ctx, s.Workspace.ID, key.ID, s.Clock.Now().Add(24*time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
			if name != "paused" {
				if _, err := s.DeleteAPIKey(ctx, s.Workspace.ID, key.ID, models.NoConfirmation); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.Clock.Advance(90 * time.Minute)
		for state, want := range map[string]string{
			"": "soon=active, Test key=active", "active": "soon=active, Test key=active", "paused": "paused=paused", "expired": "expired=expired",
			"deleted": "both=deleted, deleted=deleted",
			"all":     "both=deleted, deleted=deleted, paused=paused, soon=active, expired=expired, Test key=active",
		} {
			path := "/api_keys"
			if state != "" {
				path += "?state=" + state
			}
			var list struct {
				Data []struct{ Name, State string }
			}
			s.Want(t, http.StatusOK, admin, http.MethodGet, path, "").JSON(t, &list)
			var got []string
			for _, key := range list.Data {
				got = append(got, key.Name+"="+key.State)
			}
			if diff := cmp.Diff(strings.Split(want, ", "), got); diff != "" {
				t.Errorf("state %q (-want +got):\n%s", state, diff)
			}
		}
		response := s.Want(t, http.StatusUnprocessableEntity, admin, http.MethodGet, "/api_keys?state=actve", "")
		if want := "active"; !strings.Contains(response.Body, want) {
			t.Errorf("body = %s, want the nearest state", response.Body)
		}
	})
}

func TestKeysAreUpdated(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		admin := s.Key(t, scope.All.Scopes()...)
		key, text := newKey(t, s, models.NewAPIKey{Name: "CI", Description: "Nightly", Scopes: scope.Of(scope.SeatsRead)})
		path := "/api_keys/" + key.ID
		s.Want(t, http.StatusOK, text, http.MethodGet, "/seats", "") // now in memory
		before := fields(t, s.Want(t, http.StatusOK, admin, http.MethodGet, path, ""), "name", "description", "scopes", "expires_at")
		tests := []struct{ name, body, field, want string }{
			{"nothing", `{}`, "name", "CI"},
			{"name", `{"name":"  Weekly  "}`, "name", "Weekly"},
			{"description", `{"description":"Every week"}`, "description", "Every week"},
			{"no description", `{"description":null}`, "description", "<nil>"},
			{"scopes", `{"scopes":["members.read"]}`, "scopes", "[members.read]"},
			{"no scopes", `{"scopes":[]}`, "scopes", "[]"},
			{"expiry", `{"expires_at":"2035-01-01T00:00:00Z"}`, "expires_at", "2035-01-01T00:00:00Z"},
			{"no expiry", `{"expires_at":null}`, "expires_at", "<nil>"},
		}
		want := before
		for _, tt := range tests {
			want[tt.field] = tt.want
			for _, response := range []handlerstest.Response{
				s.Want(t, http.StatusOK, admin, http.MethodPatch, path, tt.body), s.Want(t, http.StatusOK, admin, http.MethodGet, path, ""),
			} {
				if diff := cmp.Diff(want, fields(t, response, "name", "description", "scopes", "expires_at")); diff != "" {
					t.Errorf("%s (-want +got):\n%s", tt.name, diff)
				}
			}
			if tt.name == "scopes" {
				s.Want(t, http.StatusForbidden, text, http.MethodGet, "/seats", "")
				s.Want(t, http.StatusOK, text, http.MethodGet, "/workspace_members", "")
			}
		}
		for _, body := range []string{`{"name":""}`, `{"scopes":["seats.raed"]}`, `{"scopes":null}`, `{"expires_at":"2020-01-01T00:00:00Z"}`, `{"name":"New","expires_at":"2020-01-01T00:00:00Z"}`, `{"state":"paused"}`} {
			s.Want(t, http.StatusUnprocessableEntity, admin, http.MethodPatch, path, body)
		}
		if diff := cmp.Diff(want, fields(t, s.Want(t, http.StatusOK, admin, http.MethodGet, path, ""), "name", "description", "scopes", "expires_at")); diff != "" {
			t.Errorf("after invalid updates (-want +got):\n%s", diff)
		}
		s.Want(t, http.StatusNoContent, admin, http.MethodDelete, path, "")
		s.Want(t, http.StatusNotFound, admin, http.MethodPatch, path, `{"name":"New"}`)
		modelstest.Equal(t, "state", fields(t, s.Want(t, http.StatusOK, admin, http.MethodGet, path, ""), "state")["state"], "deleted")
	})
}

// TestKeysHaveOwners checks that a key that a key creates has its owner, and that the owner can be changed, but not removed.
func TestKeysHaveOwners(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		grace := s.AddMember(t, s.Workspace, "grace@acme.test")
		creator, text := newKey(t, s, models.NewAPIKey{Name: "Creator", Scopes: scope.Of(scope.APIKeysRead, scope.APIKeysWrite), OwnerID: s.Admin.ID})
		owner := func(response handlerstest.Response) string { return fields(t, response, "owner_id")["owner_id"] }
		modelstest.Equal(t, "owner", owner(s.Want(t, http.StatusOK, text, http.MethodGet, "/api_keys/"+creator.ID, "")), s.Admin.ID)
		child := s.Want(t, http.StatusCreated, text, http.MethodPost, "/api_keys", `{"name":"Child"}`)
		modelstest.Equal(t, "owner of a created key", owner(child), s.Admin.ID)
		given := s.Want(t, http.StatusCreated, text, http.MethodPost, "/api_keys", `{"name":"Given","owner_id":"`+grace.ID+`"}`)
		modelstest.Equal(t, "owner who is given", owner(given), grace.ID)
		path := "/api_keys/" + fields(t, given, "id")["id"]
		rotated := s.Want(t, http.StatusCreated, text, http.MethodPost, path+"/rotate", "")
		modelstest.Equal(t, "owner of a replacement", owner(rotated), grace.ID)
		for _, body := range []string{`{"owner_id":null}`, `{"owner_id":""}`, `{"owner_id":"mem_none"}`} {
			s.Want(t, http.StatusUnprocessableEntity, text, http.MethodPatch, path, body)
		}
		s.Want(t, http.StatusUnprocessableEntity, text, http.MethodPost, "/api_keys", `{"name":"Empty","owner_id":""}`)
		changed := s.Want(t, http.StatusOK, text, http.MethodPatch, path, `{"owner_id":"`+s.Admin.ID+`"}`)
		modelstest.Equal(t, "owner after a change", owner(changed), s.Admin.ID)
	})
}

// TestKeysNotifyOfNewCallers checks that the option can be set and changed, and that a replacement inherits it.
func TestKeysNotifyOfNewCallers(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		_, text := newKey(t, s, models.NewAPIKey{Name: "Creator", Scopes: scope.Of(scope.APIKeysRead, scope.APIKeysWrite)})
		want := func(name string, response handlerstest.Response, want string) {
			t.Helper()
			modelstest.Equal(t, name, fields(t, response, "notify_new_callers")["notify_new_callers"], want)
		}
		want("by default", s.Want(t, http.StatusCreated, text, http.MethodPost, "/api_keys", `{"name":"Plain"}`), "false")
		created := s.Want(t, http.StatusCreated, text, http.MethodPost, "/api_keys", `{"name":"CI","notify_new_callers":true}`)
		want("of a new key", created, "true")
		path := "/api_keys/" + fields(t, created, "id")["id"]
		want("of a replacement", s.Want(t, http.StatusCreated, text, http.MethodPost, path+"/rotate", ""), "true")
		want("after a change", s.Want(t, http.StatusOK, text, http.MethodPatch, path, `{"notify_new_callers":false}`), "false")
	})
}

// A key must not give more access than it has, to another key or to itself.
func TestKeysCannotGrantMoreThanTheyHave(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		ctx := context.Background()
		expiry := s.Clock.Now().Add(24 * time.Hour)
		at := func(d time.Duration) string { return `{"expires_at":"` + expiry.Add(d).Format(time.RFC3339) + `"}` }
		writer, text := newKey(t, s, models.NewAPIKey{Name: "Writer", Scopes: scope.Of(scope.APIKeysWrite, scope.SeatsRead), ExpiresAt: &expiry})
		strong, _ := newKey(t, s, models.NewAPIKey{Name: "Strong", Scopes: scope.Of(scope.MembersWrite)})
		later := expiry.Add(time.Hour)
		weak, _ := newKey(t, s, models.NewAPIKey{Name: "Weak", ExpiresAt: &later})
		tests := []struct {
			name, key, body string
			status          int
		}{
			{"own scope", weak.ID, `{"scopes":["seats.read"]}`, http.StatusOK},
			{"foreign scope", weak.ID, `{"scopes":["members.read"]}`, http.StatusForbidden},
			{"foreign scope and a name", weak.ID, `{"name":"Renamed","scopes":["members.read"]}`, http.StatusForbidden},
			{"scope that the key has already", strong.ID, `{"scopes":["members.write","seats.read"]}`, http.StatusOK},
			{"fewer scopes", strong.ID, `{"scopes":["members.write"]}`, http.StatusOK},
			{"more scopes for itself", writer.ID, `{"scopes":["api_keys.write","seats.write"]}`, http.StatusForbidden},
			{"later expiry for itself", writer.ID, at(time.Hour), http.StatusForbidden},
			{"no expiry for itself", writer.ID, `{"expires_at":null}`, http.StatusForbidden},
			{"later than both", weak.ID, at(2 * time.Hour), http.StatusForbidden},
			{"earlier, but later than its own", weak.ID, at(30 * time.Minute), http.StatusOK},
			{"its own expiry", weak.ID, at(0), http.StatusOK},
		}
		for _, tt := range tests {
			if response := s.Call(t, text, http.MethodPatch, "/api_keys/"+tt.key, tt.body); response.Status != tt.status {
				t.Errorf("%s: status = %d, want %d: %s", tt.name, response.Status, tt.status, response.Body)
			}
		}
		row, err := s.APIKey(ctx, s.Workspace.ID, weak.ID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "name after a rejected update", row.Name, "Weak")

		s.Want(t, http.StatusOK, text, http.MethodPost, "/api_keys/"+strong.ID+"/pause", `{"hours":1}`)
		s.Want(t, http.StatusForbidden, text, http.MethodPost, "/api_keys/"+strong.ID+"/resume", "")
		s.Want(t, http.StatusOK, s.Key(t, scope.All.Scopes()...), http.MethodPost, "/api_keys/"+strong.ID+"/resume", "")
	})
}

func TestKeysArePausedAndResumed(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		admin := s.Key(t, scope.APIKeysWrite)
		key, text := newKey(t, s, models.NewAPIKey{Name: "CI"})
		s.Want(t, http.StatusOK, text, http.MethodGet, "/me", "") // now in memory
		until := s.Clock.Now().Add(time.Hour).Format(time.RFC3339)
		paused := s.Want(t, http.StatusOK, admin, http.MethodPost, "/api_keys/"+key.ID+"/pause", `{"hours":1}`)
		if diff := cmp.Diff(map[string]string{"state": "paused", "paused_until": until}, fields(t, paused, "state", "paused_until")); diff != "" {
			t.Errorf("paused key (-want +got):\n%s", diff)
		}
		checkUnauthorized(t, s.Call(t, text, http.MethodGet, "/me", ""), invalidToken)
		resumed := s.Want(t, http.StatusOK, admin, http.MethodPost, "/api_keys/"+key.ID+"/resume", "")
		if diff := cmp.Diff(map[string]string{"state": "active", "paused_until": "<nil>"}, fields(t, resumed, "state", "paused_until")); diff != "" {
			t.Errorf("resumed key (-want +got):\n%s", diff)
		}
		s.Want(t, http.StatusOK, text, http.MethodGet, "/me", "")
		for _, body := range []string{`{}`, `{"hours":null}`, `{"hours":0}`, `{"hours":-1}`, `{"hours":1.5}`, `{"hours":"1"}`, `{"hours":2161}`} {
			s.Want(t, http.StatusUnprocessableEntity, admin, http.MethodPost, "/api_keys/"+key.ID+"/pause", body)
		}
	})
}

// Webhook endpoints learn of each change to a key.
func TestKeyChangesArePublished(t *testing.T) {
	s := handlerstest.New(t)
	admin := s.Key(t, scope.All.Scopes()...)
	var endpoint struct{ Data struct{ ID string } }
	s.Want(t, http.StatusCreated, admin, http.MethodPost, "/webhook_endpoints",
		`{"url":"https://hooks.example.com/keys","events":["api_key.updated","api_key.paused","api_key.resumed"]}`).JSON(t, &endpoint)
	key, _ := newKey(t, s, models.NewAPIKey{Name: "CI"})
	path := "/api_keys/" + key.ID
	s.Want(t, http.StatusOK, admin, http.MethodPatch, path, `{"name":"Weekly"}`)
	s.Want(t, http.StatusOK, admin, http.MethodPatch, path, `{"name":"Monthly","expires_at":"2035-01-01T00:00:00Z"}`)
	s.Want(t, http.StatusOK, admin, http.MethodPost, path+"/pause", `{"hours":1}`)
	s.Want(t, http.StatusOK, admin, http.MethodPost, path+"/resume", "")
	var deliveries struct {
		Data []struct {
			EventType string `json:"event_type"`
		}
	}
	s.Want(t, http.StatusOK, admin, http.MethodGet, "/webhook_endpoints/"+endpoint.Data.ID+"/deliveries", "").JSON(t, &deliveries)
	var got []string
	for _, delivery := range deliveries.Data {
		got = append(got, delivery.EventType)
	}
	want := []string{"api_key.resumed", "api_key.paused", "api_key.updated", "api_key.updated"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events, newest first (-want +got):\n%s", diff)
	}
}

// An update that changes nothing is neither published nor recorded.
func TestUpdateWithoutChanges(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		admin := s.Key(t, scope.All.Scopes()...)
		key, _ := newKey(t, s, models.NewAPIKey{Name: "CI", Scopes: scope.Of(scope.SeatsRead)})
		about := func() string { return linesWith(s.Dump(t), key.ID) }
		before := about()
		for _, body := range []string{`{}`, `{"name":"CI"}`, `{"description":null,"scopes":["seats.read"],"expires_at":null}`} {
			s.Want(t, http.StatusOK, admin, http.MethodPatch, "/api_keys/"+key.ID, body)
			if diff := cmp.Diff(before, about()); diff != "" {
				t.Errorf("%s (-before +after):\n%s", body, diff)
			}
		}
	})
}
