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
	"github.com/skipup/keys/models/token"
)

func routesOf(s *handlerstest.Server) api.Table { return api.Routes(s.Store.Store) }

type one struct {
	Data map[string]any
}

type many struct {
	Data []map[string]any
	Meta map[string]any
}

func TestMe(t *testing.T) {
	s := handlerstest.New(t)
	var got one
	s.Call(t, s.Key(t, scope.SeatsRead), "GET", "/me", "").JSON(t, &got)
	want := map[string]any{
		"id": got.Data["id"], "name": "Test key", "key_prefix": got.Data["key_prefix"], "scopes": []any{"seats.read"}, "expires_at": nil,
		"workspace": map[string]any{"id": s.Workspace.ID, "name": "Acme"},
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
		errorType        string // "" means a key is made
		says             string
	}{
		{"good", writer, `{"name":"CI","scopes":["seats.read"]}`, 201, "", ""},
		{"no scopes", writer, `{"name":"CI"}`, 201, "", ""},
		{"scope twice", writer, `{"name":"CI","scopes":["seats.read","seats.read"]}`, 201, "", ""},
		{"expiry null", writer, `{"name":"CI","expires_at":null}`, 201, "", ""},
		{"expiry with a zone", writer, `{"name":"CI","expires_at":"2026-03-14T12:26:53+02:00"}`, 201, "", ""},
		{"no key", "", `{}`, 401, "authentication_error", ""},
		{"more than it holds", writer, `{"name":"CI","scopes":["members.read"]}`, 403, "forbidden", "members.read"},
		{"misspelt member", writer, `{"name":"CI","scope":["seats.read"]}`, 422, "validation_error", `Unknown field \"scope\"`},
		{"member in other case", writer, `{"Name":"CI"}`, 422, "validation_error", `Unknown field \"Name\"`},
		{"member twice", writer, `{"name":"CI","name":"CD"}`, 422, "validation_error", `Duplicate field \"name\"`},
		{"no name", writer, `{"scopes":[]}`, 422, "validation_error", "name is required"},
		{"blank name", writer, `{"name":"   "}`, 422, "validation_error", "name is required"},
		{"name too long", writer, `{"name":"` + strings.Repeat("é", 101) + `"}`, 422, "validation_error", "name must be 100 characters or fewer"},
		{"name of two lines", writer, `{"name":"a\nb"}`, 422, "validation_error", "name must be a single line"},
		{"NUL in the name", writer, `{"name":"a\u0000b"}`, 422, "validation_error", "name must be a single line"},
		{"invalid UTF-8", writer, "{\"name\":\"a\xff\"}", 422, "validation_error", "UTF-8"},
		{"half a surrogate pair", writer, `{"name":"a\ud800"}`, 422, "validation_error", "name must be valid UTF-8"},
		{"name is a number", writer, `{"name":7}`, 422, "validation_error", "name must be a string"},
		{"scopes is a string", writer, `{"name":"CI","scopes":"seats.read"}`, 422, "validation_error", "scopes must be an array"},
		{"unknown scope", writer, `{"name":"CI","scopes":["seats.read","seats.admin"]}`, 422, "validation_error", "scopes[1] must be one of"},
		{"scope in other case", writer, `{"name":"CI","scopes":["Seats.read"]}`, 422, "validation_error", "scopes[0]"},
		{"expiry in the past", writer, `{"name":"CI","expires_at":"2020-01-01T00:00:00Z"}`, 422, "validation_error", "expires_at must be in the future"},
		{"expiry now", writer, `{"name":"CI","expires_at":"2026-03-14T09:26:53Z"}`, 422, "validation_error", "expires_at must be in the future"},
		{"expiry without a zone", writer, `{"name":"CI","expires_at":"2027-01-01T00:00:00"}`, 422, "validation_error", "expires_at must be an RFC 3339 time"},
		{"expiry is a number", writer, `{"name":"CI","expires_at":1893456000}`, 422, "validation_error", "expires_at must be a string"},
		{"no body", writer, ``, 415, "unsupported_media_type", ""},
		{"empty object's half", writer, `{"name":"CI"`, 400, "invalid_request", "isn't valid JSON"},
		{"two values", writer, `{"name":"CI"} {}`, 400, "invalid_request", "isn't valid JSON"},
		{"an array", writer, `[]`, 422, "validation_error", "the body must be an object"},
		{"too large", writer, `{"name":"` + strings.Repeat("a", 64<<10) + `"}`, 413, "payload_too_large", "64 KiB"},
		{"too deep", writer, `{"scopes":` + strings.Repeat(`[`, 20_000), 400, "invalid_request", "isn't valid JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := keysIn(t, s, s.Workspace.ID)
			answer := s.Call(t, tt.auth, "POST", "/api_keys", tt.body)
			if answer.Status != tt.status {
				t.Fatalf("got %d %s, want %d", answer.Status, answer.Body, tt.status)
			}
			made := keysIn(t, s, s.Workspace.ID) - before
			if tt.errorType == "" {
				checkMade(t, s, answer, made)
				return
			}
			if got := answer.ErrorType(t); got != tt.errorType || made != 0 || !strings.Contains(answer.Body, tt.says) {
				t.Errorf("%d keys made, body %s; want none, type %s, saying %q", made, answer.Body, tt.errorType, tt.says)
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

// checkMade: the answer has the key's text, it works at once, and it is not answered again.
func checkMade(t *testing.T, s *handlerstest.Server, answer handlerstest.Answer, made int64) {
	t.Helper()
	var got one
	answer.JSON(t, &got)
	text, _ := got.Data["key"].(string)
	if made != 1 || len(text) != token.Len || got.Data["key_prefix"] != text[:12]+"...." {
		t.Fatalf("made %d, answered %v", made, got.Data)
	}
	if me := s.Call(t, text, "GET", "/me", ""); me.Status != http.StatusOK {
		t.Errorf("the new key: %d %s", me.Status, me.Body)
	}
	list := s.Call(t, s.Key(t, scope.APIKeysRead), "GET", "/api_keys", "")
	if strings.Contains(list.Body, text) || !strings.Contains(list.Body, got.Data["id"].(string)) {
		t.Error("the list shows the text of the key, or not the key")
	}
}

func TestNaughtyNamesComeBackByteForByte(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		writer, reader := s.Key(t, scope.APIKeysWrite), s.Key(t, scope.APIKeysRead)
		for _, name := range []string{
			`'; DROP TABLE api_keys; --`, `<script>alert(1)</script>`, `{{7*7}} ${7*7} %s %n`, `../../etc/passwd`, "\u202eright to left", "e\u0301", "é",
			"  spaces around  ", "👩‍👩‍👧‍👦🏳️‍🌈", "ﬀ Ⅷ ｆｕｌｌ", "NULL", "\u200b\ufeffx", `\\x41\"`, strings.Repeat("ẞ", 100),
		} {
			body, err := json.Marshal(map[string]any{"name": name})
			if err != nil {
				t.Fatal(err)
			}
			var got many
			if made := s.Call(t, writer, "POST", "/api_keys", string(body)); made.Status != http.StatusCreated {
				t.Fatalf("%q: %d %s", name, made.Status, made.Body)
			}
			s.Call(t, reader, "GET", "/api_keys?limit=1", "").JSON(t, &got)
			if got.Data[0]["name"] != name {
				t.Errorf("%q came back as %q", name, got.Data[0]["name"])
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
		theirs := s.Call(t, foreignWriter, "DELETE", "/api_keys/"+key.ID, "")
		nobodys := s.Call(t, writer, "DELETE", "/api_keys/key_none", "")
		if theirs.Status != http.StatusNotFound || theirs.Body != nobodys.Body {
			t.Errorf("another workspace's key: %d %s; a missing one: %s", theirs.Status, theirs.Body, nobodys.Body)
		}
		if answer := s.Call(t, writer, "DELETE", "/api_keys/"+key.ID, ""); answer.Status != http.StatusNoContent || answer.Body != "" {
			t.Errorf("delete: %d %q", answer.Status, answer.Body)
		}
		checkRefused(t, s.Call(t, secret.Reveal(), "GET", "/me", ""), invalidToken)
		if again := s.Call(t, writer, "DELETE", "/api_keys/"+key.ID, ""); again.Status != http.StatusNotFound {
			t.Errorf("delete again: %d", again.Status)
		}
	})
}

// TestListIsStable pages through the keys while keys are made and deleted: of those that were
// there all the time, none is repeated or skipped.
func TestListIsStable(t *testing.T) {
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
			var page many
			s.Call(t, reader, "GET", path, "").JSON(t, &page)
			for _, key := range page.Data {
				seen = append(seen, key["id"].(string))
			}
			path = ""
			if page.Meta["has_more"] == true {
				path = "/api_keys?limit=5&cursor=" + page.Meta["next_cursor"].(string)
			}
			doomed, _, err := s.CreateAPIKey(ctx, s.Workspace.ID, models.NewAPIKey{Name: "Meanwhile"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.DeleteAPIKey(ctx, s.Workspace.ID, doomed.ID); err != nil {
				t.Fatal(err)
			}
			s.Clock.Advance(time.Second)
			s.Key(t)
		}
		if diff := cmp.Diff(want, seen[:len(want)]); diff != "" || len(seen) != len(want)+1 { // and the reader itself
			t.Errorf("%d seen of %d: %s", len(seen), len(want)+1, diff)
		}
	})
}

func TestListBounds(t *testing.T) {
	s := handlerstest.New(t)
	reader := s.Key(t, scope.APIKeysRead, scope.MeetingRequestsRead)
	s.Key(t)
	var page many
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
		if answer := s.Call(t, reader, "GET", "/api_keys"+tt.query, ""); answer.Status != tt.status {
			t.Errorf("%s: %d %s, want %d", tt.query, answer.Status, answer.Body, tt.status)
		}
	}
	if answer := s.Call(t, reader, "GET", "/meeting_requests?cursor="+cursor, ""); answer.Status != 422 {
		t.Errorf("a cursor of another list: %d", answer.Status)
	}
	if want := `"meta":{"limit":1,"has_more":true,"next_cursor":"`; !strings.Contains(first.Body, want) {
		t.Errorf("%s does not contain %s", first.Body, want)
	}
	empty := s.Call(t, reader, "GET", "/meeting_requests", "")
	if want := `{"data":[],"meta":{"limit":25,"has_more":false,"next_cursor":null}}` + "\n"; empty.Body != want {
		t.Errorf("an empty list is %s, want %s", empty.Body, want)
	}
}
