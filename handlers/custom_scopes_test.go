package handlers_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/web"
)

// manyScopes returns a file with as many custom scopes as there can be, from many.a10 to many.a127.
func manyScopes() string {
	var text strings.Builder
	text.WriteString("resources: [{name: many, label: Many, scopes: [")
	for number := scope.FirstCustom; number < scope.Max; number++ {
		fmt.Fprintf(&text, "{name: many.a%d}, ", number)
	}
	return text.String() + "]}]"
}

// Once ApplyScopes has returned, every node knows all scopes.
func TestCustomScopesOnEveryNode(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		other := s.AnotherNode(t)
		s.ApplyScopesFile(t, manyScopes())
		creator := s.Key(t, s.Scopes().Active().Scopes()...)
		address := "http://" + other.Serve(t, web.Connections{})
		// call sends a request to the other node, whose responses differ from the document for the built-in scopes.
		call := func(key, method, path, body string) handlerstest.Response {
			t.Helper()
			request, err := http.NewRequest(method, address+path, bytes.NewReader([]byte(body)))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			if key != "" {
				request.Header.Set("Authorization", "Bearer "+key)
			}
			return handlerstest.Send(t, http.DefaultClient, request)
		}
		created := call(creator, http.MethodPost, "/api/v1/api_keys", `{"name":"CI","scopes":["many.a127","seats.read"]}`)
		created.Want(t, http.StatusCreated)
		var key struct {
			Data struct {
				Key    string
				Scopes []string
			}
		}
		created.JSON(t, &key)
		modelstest.Equal(t, "scopes", key.Data.Scopes, []string{"seats.read", "many.a127"})
		for query, want := range map[string]int{
			"?scope=many.a127": http.StatusNoContent, "?scope=many.a127&scope=seats.read": http.StatusNoContent, "?scope=many.a126": http.StatusForbidden,
			"?scope=many.a10": http.StatusForbidden, "?scope=many.a63&scope=many.a127": http.StatusForbidden, "?scope=many.a128": http.StatusInternalServerError,
		} {
			modelstest.Equal(t, "status of /verify"+query, call(key.Data.Key, http.MethodGet, web.VerifyPath+query, "").Status, want)
		}
		call(key.Data.Key, http.MethodGet, "/api/v1/me", "").Want(t, http.StatusOK, `"scopes":["seats.read","many.a127"]`)
		unknown := call(creator, http.MethodPost, "/api/v1/api_keys", `{"name":"CI","scopes":["many.a128"]}`)
		unknown.Want(t, http.StatusUnprocessableEntity, "many.a127; did you mean")

		wantScopes := s.Scopes().Names(s.Scopes().Known())
		for _, path := range []string{"/api/v1/openapi.yaml", "/api/v1/openapi.json"} {
			response := call("", http.MethodGet, path, "")
			response.Want(t, http.StatusOK)
			document, err := handlerstest.ParseDocument([]byte(response.Body))
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			var got []string
			for _, value := range document.Components.Schemas["Scope"].Value.Enum {
				got = append(got, value.(string))
			}
			if !slices.Equal(got, wantScopes) {
				t.Errorf("%s: scopes = %v, want %v", path, got, wantScopes)
			}
		}
		call("", http.MethodGet, "/docs", "").Want(t, http.StatusOK, "many.a127")
	})
}
