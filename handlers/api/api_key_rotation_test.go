package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

func (o one) id() string { return o.Data["id"].(string) }

// TestRotateAPIKey: the old key and its successor both work, until the old one is deleted.
func TestRotateAPIKey(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		writer := s.Key(t, scope.APIKeysWrite, scope.SeatsRead, scope.SeatsWrite)
		var made, next one
		s.Want(t, http.StatusCreated, writer, "POST", "/api_keys", `{"name":"CI","scopes":["seats.read","seats.write"]}`).JSON(t, &made)
		s.Want(t, http.StatusCreated, writer, "POST", "/api_keys/"+made.id()+"/rotate", "").JSON(t, &next)
		old, key := made.Data["key"].(string), next.Data["key"].(string)
		if old == key || next.Data["name"] != "CI" || next.Data["rotated_from"] != made.id() || next.Data["expires_at"] != nil {
			t.Errorf("the successor is %v", next.Data)
		}
		for _, text := range []string{old, key} {
			s.Want(t, http.StatusOK, text, "GET", "/seats", "")
		}
		checkRefusal(t, s.Call(t, writer, "POST", "/api_keys/"+made.id()+"/rotate", ""), 422, "invalid_request", "already being rotated")
		s.Want(t, http.StatusNoContent, writer, "DELETE", "/api_keys/"+made.id(), "")
		checkRefused(t, s.Call(t, old, "GET", "/seats", ""), invalidToken)
		s.Want(t, http.StatusOK, key, "GET", "/seats", "")
		s.Want(t, http.StatusCreated, writer, "POST", "/api_keys/"+next.id()+"/rotate", `{"scopes":["seats.read"],"expires_at":"2027-01-01T00:00:00Z"}`).JSON(t, &next)
		if next.Data["expires_at"] != "2027-01-01T00:00:00Z" {
			t.Errorf("with an expiry: %v", next.Data)
		}
		s.Want(t, http.StatusForbidden, next.Data["key"].(string), "DELETE", "/seats/seat_none", "")
	})
}

// TestAKeyMayRotateItself, which is how a client does it alone.
func TestAKeyMayRotateItself(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.APIKeysWrite)
	var me, next one
	s.Want(t, http.StatusOK, key, "GET", "/me", "").JSON(t, &me)
	s.Want(t, http.StatusCreated, key, "POST", "/api_keys/"+me.id()+"/rotate", "").JSON(t, &next)
	s.Want(t, http.StatusNoContent, next.Data["key"].(string), "DELETE", "/api_keys/"+me.id(), "")
	checkRefused(t, s.Call(t, key, "GET", "/me", ""), invalidToken)
}

func TestRotationRefusals(t *testing.T) {
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
			says           string
		}{
			{"scopes that the caller does not hold", key.ID, ``, 403, "forbidden", "seats.write"},
			{"named scopes that the caller does not hold", key.ID, `{"scopes":["seats.write"]}`, 403, "forbidden", "seats.write"},
			{"scopes that the key does not have", key.ID, `{"scopes":["seats.read","api_keys.write"]}`, 422, "validation_error", "not api_keys.write"},
			{"unknown scope", key.ID, `{"scopes":["seats"]}`, 422, "validation_error", "scopes[0] must be one of"},
			{"scopes null", key.ID, `{"scopes":null}`, 422, "validation_error", "omit it"},
			{"expiry in the past", key.ID, `{"scopes":[],"expires_at":"2020-01-01T00:00:00Z"}`, 422, "validation_error", "expires_at must be in the future"},
			{"a name", key.ID, `{"name":"CD"}`, 422, "validation_error", `Unknown field \"name\"`},
			{"an array", key.ID, `[]`, 422, "validation_error", "the body must be an object"},
			{"isn't valid JSON", key.ID, `{`, 400, "invalid_request", "isn't valid JSON"},
			{"another workspace's", theirs.ID, ``, 404, "not_found", "API key not found."},
			{"nobody's", "key_none", ``, 404, "not_found", "API key not found."},
		}
		for _, tt := range tests {
			before := keysIn(t, s, s.Workspace.ID)
			checkRefusal(t, s.Call(t, writer, "POST", "/api_keys/"+tt.id+"/rotate", tt.body), tt.status, tt.errorType, tt.says)
			if made := keysIn(t, s, s.Workspace.ID) - before; made != 0 {
				t.Errorf("%s: %d keys made", tt.name, made)
			}
		}
		s.Want(t, http.StatusCreated, writer, "POST", "/api_keys/"+key.ID+"/rotate", `{"scopes":["seats.read"]}`)
	})
}

// TestARotationIsDoneOnce: sent again it answers the same successor, without its text.
func TestARotationIsDoneOnce(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		writer, old := s.Key(t, scope.APIKeysWrite), s.NamedKey(t, s.Workspace.ID, "CI")
		path := "/api_keys/" + old.ID + "/rotate"
		first, again := callOnce(t, s, writer, "one", path, `{}`), callOnce(t, s, writer, "one", path, `{}`)
		var made, replayed one
		first.JSON(t, &made)
		again.JSON(t, &replayed)
		text, _ := made.Data["key"].(string)
		if again.Status != http.StatusCreated || again.Header.Get("Idempotency-Replayed") != "true" || replayed.id() != made.id() || replayed.Data["rotated_from"] != old.ID {
			t.Errorf("first %d %s, again %d %s", first.Status, first.Body, again.Status, again.Body)
		}
		if text == "" || strings.Contains(again.Body, text) || strings.Contains(s.Dump(t), text) {
			t.Error("the text is not in the first answer alone")
		}
		checkRefusal(t, callOnce(t, s, writer, "one", path, `{"scopes":[]}`), 422, "invalid_request", "used with a different request")
	})
}
