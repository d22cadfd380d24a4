package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

func routesOf(s *handlerstest.Server) api.Table { return api.Routes(s.Store.Store) }

type objectBody struct {
	Data map[string]any
}

type listBody struct {
	Data []map[string]any
	Meta map[string]any
}

func TestMe(t *testing.T) {
	s := handlerstest.New(t)
	var got objectBody
	s.Call(t, s.Key(t, scope.SeatsRead), "GET", "/me", "").JSON(t, &got)
	want := map[string]any{
		"id": got.Data["id"], "name": "Test key", "key_prefix": got.Data["key_prefix"], "scopes": []any{"seats.read"}, "expires_at": nil,
		"workspace": map[string]any{"id": s.Workspace.ID, "name": "Acme", "mode": "live"},
	}
	if diff := cmp.Diff(want, got.Data); diff != "" {
		t.Error(diff)
	}
}

func TestCreateAPIKey(t *testing.T) {
	s := handlerstest.New(t)
	writer := s.Key(t, scope.APIKeysWrite, scope.SeatsRead)
	tests := []struct {
		name, auth, body string
		status           int
		errorType        string // "" if a key is created
		message          string // contained in the body
	}{
		{"good", writer, `{"name":"CI","scopes":["seats.read"]}`, 201, "", ""},
		{"no scopes", writer, `{"name":"CI"}`, 201, "", ""},
		{"duplicate scope", writer, `{"name":"CI","scopes":["seats.read","seats.read"]}`, 201, "", ""},
		{"expiry null", writer, `{"name":"CI","expires_at":null}`, 201, "", ""},
		{"expiry with a zone", writer, `{"name":"CI","expires_at":"2026-03-14T12:26:53+02:00"}`, 201, "", ""},
		{"no key", "", `{}`, 401, "authentication_error", ""},
		{"scope that the caller lacks", writer, `{"name":"CI","scopes":["members.read"]}`, 403, "forbidden", "members.read"},
		{"misspelled field", writer, `{"name":"CI","scope":["seats.read"]}`, 422, "validation_error", `Unknown field \"scope\"`},
		{"field in another case", writer, `{"Name":"CI"}`, 422, "validation_error", `Unknown field \"Name\"`},
		{"duplicate field", writer, `{"name":"CI","name":"CD"}`, 422, "validation_error", `Duplicate field \"name\"`},
		{"no name", writer, `{"scopes":[]}`, 422, "validation_error", "name is required"},
		{"blank name", writer, `{"name":"   "}`, 422, "validation_error", "name is required"},
		{"name too long", writer, `{"name":"` + strings.Repeat("é", 101) + `"}`, 422, "validation_error", "name must be 100 characters or fewer"},
		{"name of two lines", writer, `{"name":"a\nb"}`, 422, "validation_error", "name must be a single line"},
		{"NUL in the name", writer, `{"name":"a\u0000b"}`, 422, "validation_error", "name must be a single line"},
		{"invalid UTF-8", writer, "{\"name\":\"a\xff\"}", 422, "validation_error", "UTF-8"},
		{"unpaired surrogate", writer, `{"name":"a\ud800"}`, 422, "validation_error", "name must be valid UTF-8"},
		{"name is a number", writer, `{"name":7}`, 422, "validation_error", "name must be a string"},
		{"scopes is a string", writer, `{"name":"CI","scopes":"seats.read"}`, 422, "validation_error", "scopes must be an array"},
		{"unknown scope", writer, `{"name":"CI","scopes":["seats.read","seats.admin"]}`, 422, "validation_error", "scopes[1] must be one of"},
		{"scope in another case", writer, `{"name":"CI","scopes":["Seats.read"]}`, 422, "validation_error", "scopes[0]"},
		{"expiry in the past", writer, `{"name":"CI","expires_at":"2020-01-01T00:00:00Z"}`, 422, "validation_error", "expires_at must be in the future"},
		{"expiry now", writer, `{"name":"CI","expires_at":"2026-03-14T09:26:53Z"}`, 422, "validation_error", "expires_at must be in the future"},
		{"expiry without a zone", writer, `{"name":"CI","expires_at":"2027-01-01T00:00:00"}`, 422, "validation_error", "expires_at must be an RFC 3339 time"},
		{"expiry is a number", writer, `{"name":"CI","expires_at":1893456000}`, 422, "validation_error", "expires_at must be a string"},
		{"no body", writer, ``, 400, "invalid_request", "body is empty"},
		{"incomplete object", writer, `{"name":"CI"`, 400, "invalid_request", "isn't valid JSON"},
		{"two values", writer, `{"name":"CI"} {}`, 400, "invalid_request", "isn't valid JSON"},
		{"an array", writer, `[]`, 422, "validation_error", "the body must be an object"},
		{"too large", writer, `{"name":"` + strings.Repeat("a", 64<<10) + `"}`, 413, "payload_too_large", "64 KiB"},
		{"too deep", writer, `{"scopes":` + strings.Repeat(`[`, 20_000), 400, "invalid_request", "isn't valid JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := keysIn(t, s, s.Workspace.ID)
			response := s.Want(t, tt.status, tt.auth, "POST", "/api_keys", tt.body)
			created := keysIn(t, s, s.Workspace.ID) - before
			if tt.errorType == "" {
				checkCreated(t, s, response, created)
				return
			}
			checkError(t, response, tt.status, tt.errorType, tt.message)
			if created != 0 {
				t.Errorf("created %d keys, want 0", created)
			}
		})
	}
}

func keysIn(t *testing.T, s *handlerstest.Server, workspaceID string) int64 {
	t.Helper()
	list, err := s.APIKeys(context.Background(), workspaceID, models.APIKeyFilter{PageNumber: 1, PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	return list.Matching
}

// checkCreated checks that one key was created, that the response contains it, that it works, and
// that the list doesn't contain it.
func checkCreated(t *testing.T, s *handlerstest.Server, response handlerstest.Response, created int64) {
	t.Helper()
	var got objectBody
	response.JSON(t, &got)
	text, _ := got.Data["key"].(string)
	if created != 1 {
		t.Errorf("created %d keys, want 1", created)
	}
	if len(text) != 44 {
		t.Fatalf("len(key) = %d, want 44", len(text))
	}
	if got, want := got.Data["key_prefix"], text[:12]+"...."; got != want {
		t.Errorf("key_prefix = %v, want %s", got, want)
	}
	checkStatus(t, s.Call(t, text, "GET", "/me", ""), http.StatusOK)
	list := s.Call(t, s.Key(t, scope.APIKeysRead), "GET", "/api_keys", "")
	if strings.Contains(list.Body, text) {
		t.Error("the list contains the key itself")
	}
	if id := got.Data["id"].(string); !strings.Contains(list.Body, id) {
		t.Errorf("the list does not contain %s", id)
	}
}

func TestNamesAreNormalizedOrRejected(t *testing.T) {
	s := handlerstest.New(t)
	writer := s.Key(t, scope.APIKeysWrite)
	var created struct {
		Data struct {
			Name string `json:"name"`
		} `json:"data"`
	}
	s.Want(t, http.StatusCreated, writer, "POST", "/api_keys", `{"name":"  Cafe\u0301\u00a0 CI "}`).JSON(t, &created)
	if got, want := created.Data.Name, "Caf\u00e9 CI"; got != want {
		t.Errorf("name = %q, want %q", got, want)
	}
	for _, name := range []string{`C\u200bI`, `\u202eright to left`, `\ufeffx`, ` \u200b `} {
		s.Want(t, http.StatusUnprocessableEntity, writer, "POST", "/api_keys", `{"name":"`+name+`"}`)
	}
}

func TestUnusualNamesAreReturnedUnchanged(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		writer, reader := s.Key(t, scope.APIKeysWrite), s.Key(t, scope.APIKeysRead)
		for _, name := range []string{
			`'; DROP TABLE api_keys; --`, `<script>alert(1)</script>`, `{{7*7}} ${7*7} %s %n`, `../../etc/passwd`, "من اليمين", "é",
			"👩‍👩‍👧‍👦🏳️‍🌈", "ﬀ Ⅷ ｆｕｌｌ", "NULL", `\\x41\"`, strings.Repeat("ẞ", 100),
		} {
			body, err := json.Marshal(map[string]any{"name": name})
			if err != nil {
				t.Fatal(err)
			}
			var got listBody
			s.Want(t, http.StatusCreated, writer, "POST", "/api_keys", string(body))
			s.Call(t, reader, "GET", "/api_keys?limit=1", "").JSON(t, &got)
			if got.Data[0]["name"] != name {
				t.Errorf("name = %q, want %q", got.Data[0]["name"], name)
			}
		}
	})
}

func TestDeleteAPIKey(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		ctx := context.Background()
		writer := s.Key(t, scope.APIKeysWrite)
		key, secret, err := s.CreateAPIKey(ctx, s.Workspace.ID, models.NewAPIKey{Name: "Old"})
		if err != nil {
			t.Fatal(err)
		}
		foreign, _ := s.NewWorkspace(t, "Rival", "rival@rival.test")
		foreignWriter := s.KeyOf(t, foreign.ID, scope.APIKeysWrite)
		foreignKey := s.Want(t, http.StatusNotFound, foreignWriter, "DELETE", "/api_keys/"+key.ID, "")
		unknownKey := s.Want(t, http.StatusNotFound, writer, "DELETE", "/api_keys/key_none", "")
		if foreignKey.Body != unknownKey.Body {
			t.Errorf("body for a key of another workspace = %s, want that for an unknown key, %s", foreignKey.Body, unknownKey.Body)
		}
		if deleted := s.Want(t, http.StatusNoContent, writer, "DELETE", "/api_keys/"+key.ID, ""); deleted.Body != "" {
			t.Errorf("body = %q, want none", deleted.Body)
		}
		checkUnauthorized(t, s.Call(t, secret.Reveal(), "GET", "/me", ""), invalidToken)
		checkStatus(t, s.Call(t, writer, "DELETE", "/api_keys/"+key.ID, ""), http.StatusNotFound)
	})
}

// TestPagingIsStable checks that paging repeats or skips none of the existing keys while other keys
// are created and deleted.
func TestPagingIsStable(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		ctx := context.Background()
		reader := s.Key(t, scope.APIKeysRead)
		var want []string
		for i := range 23 {
			key, _, err := s.CreateAPIKey(ctx, s.Workspace.ID, models.NewAPIKey{Name: fmt.Sprint("Key ", i)})
			if err != nil {
				t.Fatal(err)
			}
			want = append([]string{key.ID}, want...)
		}
		var seen []string
		for path := "/api_keys?limit=5"; path != ""; {
			var page listBody
			s.Call(t, reader, "GET", path, "").JSON(t, &page)
			for _, key := range page.Data {
				seen = append(seen, key["id"].(string))
			}
			path = ""
			if page.Meta["has_more"] == true {
				path = "/api_keys?limit=5&cursor=" + page.Meta["next_cursor"].(string)
			}
			key, _, err := s.CreateAPIKey(ctx, s.Workspace.ID, models.NewAPIKey{Name: "Meanwhile"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.DeleteAPIKey(ctx, s.Workspace.ID, key.ID, models.NoConfirmation); err != nil {
				t.Fatal(err)
			}
			s.Clock.Advance(time.Second)
			s.Key(t)
		}
		if got, want := len(seen), len(want)+1; got != want { // the reader is also listed
			t.Fatalf("listed %d keys, want %d", got, want)
		}
		if diff := cmp.Diff(want, seen[:len(want)]); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
	})
}

func TestPagingParameters(t *testing.T) {
	s := handlerstest.New(t)
	reader := s.Key(t, scope.APIKeysRead, scope.MeetingRequestsRead)
	s.Key(t)
	var page listBody
	first := s.Call(t, reader, "GET", "/api_keys?limit=1", "")
	first.JSON(t, &page)
	cursor := page.Meta["next_cursor"].(string)
	tests := []struct {
		query  string
		status int
	}{
		{"", 200}, {"?limit=1", 200}, {"?limit=100", 200}, {"?cursor=" + cursor, 200},
		{"?limit=0", 422}, {"?limit=101", 422}, {"?limit=-1", 422}, {"?limit=ten", 422}, {"?limit=1.5", 422}, {"?limit=99999999999999999999", 422},
		{"?cursor=nonsense", 422}, {"?cursor=" + cursor[1:], 422}, {"?cursor=" + cursor + "A", 422},
		{"?cursor=%00", 422}, {"?cursor=%ff", 422}, {"?limit=%zz", 400}, {"?a;b", 400},
	}
	for _, tt := range tests {
		if response := s.Call(t, reader, "GET", "/api_keys"+tt.query, ""); response.Status != tt.status {
			t.Errorf("%s: status = %d, want %d\n%s", tt.query, response.Status, tt.status, response.Body)
		}
	}
	if response := s.Call(t, reader, "GET", "/meeting_requests?cursor="+cursor, ""); response.Status != 422 {
		t.Errorf("status for a cursor of another list = %d, want 422", response.Status)
	}
	if want := `"meta":{"limit":1,"has_more":true,"next_cursor":"`; !strings.Contains(first.Body, want) {
		t.Errorf("body = %s, want it to contain %s", first.Body, want)
	}
	empty := s.Call(t, reader, "GET", "/meeting_requests", "")
	if want := `{"data":[],"meta":{"limit":25,"has_more":false,"next_cursor":null}}` + "\n"; empty.Body != want {
		t.Errorf("body of an empty list = %s, want %s", empty.Body, want)
	}
}
