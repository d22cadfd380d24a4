package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

func (o objectBody) id() string { return o.Data["id"].(string) }

// TestRotateAPIKey checks that a key and its replacement both work until the key is deleted.
func TestRotateAPIKey(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		writer := s.Key(t, scope.APIKeysWrite, scope.SeatsRead, scope.SeatsWrite)
		var created, next objectBody
		s.Want(t, http.StatusCreated, writer, "POST", "/api_keys", `{"name":"CI","scopes":["seats.read","seats.write"]}`).JSON(t, &created)
		s.Want(t, http.StatusCreated, writer, "POST", "/api_keys/"+created.id()+"/rotate", "").JSON(t, &next)
		old, key := created.Data["key"].(string), next.Data["key"].(string)
		if old == key {
			t.Error("the replacement equals the old key")
		}
		for field, want := range map[string]any{"name": "CI", "rotated_from": created.id(), "expires_at": nil} {
			if got := next.Data[field]; got != want {
				t.Errorf("%s of the replacement = %v, want %v", field, got, want)
			}
		}
		for _, text := range []string{old, key} {
			s.Want(t, http.StatusOK, text, "GET", "/seats", "")
		}
		checkError(t, s.Call(t, writer, "POST", "/api_keys/"+created.id()+"/rotate", ""), 422, "invalid_request", "already being rotated")
		s.Want(t, http.StatusNoContent, writer, "DELETE", "/api_keys/"+created.id(), "")
		checkUnauthorized(t, s.Call(t, old, "GET", "/seats", ""), invalidToken)
		s.Want(t, http.StatusOK, key, "GET", "/seats", "")
		s.Want(t, http.StatusCreated, writer, "POST", "/api_keys/"+next.id()+"/rotate", `{"scopes":["seats.read"],"expires_at":"2027-01-01T00:00:00Z"}`).JSON(t, &next)
		if got, want := next.Data["expires_at"], "2027-01-01T00:00:00Z"; got != want {
			t.Errorf("expires_at = %v, want %v", got, want)
		}
		s.Want(t, http.StatusForbidden, next.Data["key"].(string), "DELETE", "/seats/seat_none", "")
	})
}

func TestKeyCanRotateItself(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.APIKeysWrite)
	var me, next objectBody
	s.Want(t, http.StatusOK, key, "GET", "/me", "").JSON(t, &me)
	s.Want(t, http.StatusCreated, key, "POST", "/api_keys/"+me.id()+"/rotate", "").JSON(t, &next)
	s.Want(t, http.StatusNoContent, next.Data["key"].(string), "DELETE", "/api_keys/"+me.id(), "")
	checkUnauthorized(t, s.Call(t, key, "GET", "/me", ""), invalidToken)
}

func TestRotateAPIKeyErrors(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		writer := s.Key(t, scope.APIKeysWrite, scope.SeatsRead)
		key, _, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "CI", Scopes: scope.Of(scope.SeatsRead, scope.SeatsWrite)})
		if err != nil {
			t.Fatal(err)
		}
		foreign, _ := s.NewWorkspace(t, "Rival", "rival@rival.test")
		theirs := s.NamedKey(t, foreign.ID, "Theirs")
		tests := []struct {
			name, id, body string
			status         int
			errorType      string
			message        string
		}{
			{"scopes that the caller lacks", key.ID, ``, 403, "forbidden", "seats.write"},
			{"named scopes that the caller lacks", key.ID, `{"scopes":["seats.write"]}`, 403, "forbidden", "seats.write"},
			{"scopes that the key lacks", key.ID, `{"scopes":["seats.read","api_keys.write"]}`, 422, "validation_error", "not api_keys.write"},
			{"unknown scope", key.ID, `{"scopes":["seats"]}`, 422, "validation_error", "scopes[0] must be one of"},
			{"scopes null", key.ID, `{"scopes":null}`, 422, "validation_error", "omit it"},
			{"expiry in the past", key.ID, `{"scopes":[],"expires_at":"2020-01-01T00:00:00Z"}`, 422, "validation_error", "expires_at must be in the future"},
			{"a name", key.ID, `{"name":"CD"}`, 422, "validation_error", `Unknown field \"name\"`},
			{"an array", key.ID, `[]`, 422, "validation_error", "the body must be an object"},
			{"invalid JSON", key.ID, `{`, 400, "invalid_request", "isn't valid JSON"},
			{"key of another workspace", theirs.ID, ``, 404, "not_found", "API key not found."},
			{"unknown key", "key_none", ``, 404, "not_found", "API key not found."},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				before := keysIn(t, s, s.Workspace.ID)
				checkError(t, s.Call(t, writer, "POST", "/api_keys/"+tt.id+"/rotate", tt.body), tt.status, tt.errorType, tt.message)
				if created := keysIn(t, s, s.Workspace.ID) - before; created != 0 {
					t.Errorf("created %d keys, want 0", created)
				}
			})
		}
		s.Want(t, http.StatusCreated, writer, "POST", "/api_keys/"+key.ID+"/rotate", `{"scopes":["seats.read"]}`)
	})
}

// TestRotateAPIKeyIsIdempotent checks that a repeated request returns the same replacement, but not
// the key itself.
func TestRotateAPIKeyIsIdempotent(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		writer, old := s.Key(t, scope.APIKeysWrite), s.NamedKey(t, s.Workspace.ID, "CI")
		path := "/api_keys/" + old.ID + "/rotate"
		first, again := callIdempotent(t, s, writer, "one", path, `{}`), callIdempotent(t, s, writer, "one", path, `{}`)
		var created, replayed objectBody
		first.JSON(t, &created)
		again.JSON(t, &replayed)
		text, _ := created.Data["key"].(string)
		checkStatus(t, again, http.StatusCreated)
		if got := again.Header.Get("Idempotency-Replayed"); got != "true" {
			t.Errorf("Idempotency-Replayed = %q, want true", got)
		}
		if replayed.id() != created.id() {
			t.Errorf("repeated request returned %s, want %s", replayed.id(), created.id())
		}
		if got := replayed.Data["rotated_from"]; got != old.ID {
			t.Errorf("rotated_from = %v, want %s", got, old.ID)
		}
		if text == "" {
			t.Fatal("the first response has no key")
		}
		if strings.Contains(again.Body, text) {
			t.Error("the repeated response contains the key")
		}
		if strings.Contains(s.Dump(t), text) {
			t.Error("the database contains the key")
		}
		checkError(t, callIdempotent(t, s, writer, "one", path, `{"scopes":[]}`), 422, "invalid_request", "used with a different request")
	})
}
