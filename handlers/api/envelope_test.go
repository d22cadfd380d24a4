package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/scope"
)

// pathOf returns the path of a route with the ID of something that doesn't exist.
func pathOf(route api.Route) string {
	parts := strings.Split(route.Path, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, ":") {
			parts[i] = "none"
		}
	}
	return strings.Join(parts, "/")
}

func takesBody(route api.Route) bool {
	return slices.Contains([]string{http.MethodPost, http.MethodPatch, http.MethodPut}, route.Method)
}

// TestBodiesAreBoundedAndStrict checks every route with a body: its size is checked first, then its
// type, its syntax and each field.
func TestBodiesAreBoundedAndStrict(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	before := s.Dump(t)
	for _, route := range routesOf(s) {
		if !takesBody(route) {
			continue
		}
		send := func(mediaType, body string) handlerstest.Response {
			request := s.Request(t, route.Method, api.Base+pathOf(route), body)
			request.Header.Set("Authorization", "Bearer "+key)
			request.Header.Set("Content-Type", mediaType)
			return handlerstest.Send(t, http.DefaultClient, request)
		}
		for _, tt := range []struct {
			mediaType, body    string
			status             int
			errorType, message string
		}{
			{"application/json", `{"x":"` + strings.Repeat("x", 64<<10) + `"}`, 413, "payload_too_large", "64 KiB"},
			{"text/plain", `{}`, 415, "unsupported_media_type", "Content-Type: application/json"},
			{"application/x-www-form-urlencoded", `name=CI`, 415, "unsupported_media_type", "Content-Type: application/json"},
			{"", `{}`, 415, "unsupported_media_type", "Content-Type: application/json"},
			{"application/json", `{`, 400, "invalid_request", "isn't valid JSON"},
			{"application/json", strings.Repeat(`{"x":`, 10_000), 422, "validation_error", `Unknown field \"x\"`},
			{"application/json", strings.Repeat(`[`, 60_000), 422, "validation_error", "the body must be an object"},
			{"application/json; charset=utf-8", `{"no such member":1}`, 422, "validation_error", `Unknown field \"no such member\"`},
			{"application/json", `null`, 422, "validation_error", "the body must be an object"},
			{"application/json", `"x"`, 422, "validation_error", "the body must be an object"},
		} {
			response := send(tt.mediaType, tt.body)
			t.Run(fmt.Sprintf("%s %s %.20q", route.Name(), tt.mediaType, tt.body), func(t *testing.T) {
				checkError(t, response, tt.status, tt.errorType, tt.message)
			})
		}
	}
	if after := s.Dump(t); after != before {
		t.Errorf("rejected requests changed the database (-before +after):\n%s", cmp.Diff(before, after))
	}
}

// TestEveryMethodOnEveryPath checks that methods without a route return 405, that Allow lists the
// others, also for OPTIONS, and that HEAD returns the same as GET without a body.
func TestEveryMethodOnEveryPath(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	taken := map[string][]string{}
	for _, route := range routesOf(s) {
		path := pathOf(route)
		taken[path] = append(taken[path], route.Method)
		if route.Method == http.MethodGet {
			taken[path] = append(taken[path], http.MethodHead)
			got, head := s.Call(t, key, "GET", path, ""), s.Call(t, key, "HEAD", path, "")
			checkStatus(t, head, got.Status)
			if head.Body != "" {
				t.Errorf("HEAD %s: body = %q, want none", path, head.Body)
			}
			if got, want := head.Header.Get("Content-Type"), "application/json"; got != want {
				t.Errorf("HEAD %s: Content-Type = %q, want %q", path, got, want)
			}
		}
	}
	for path, methods := range taken {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY"} {
			if slices.Contains(methods, method) {
				continue
			}
			response := s.Call(t, key, method, path, "")
			if method == http.MethodHead {
				checkStatus(t, response, http.StatusMethodNotAllowed)
			} else {
				checkError(t, response, http.StatusMethodNotAllowed, "method_not_allowed", "")
			}
			checkAllow(t, method+" "+path, response, methods)
		}
		options := s.Call(t, key, "OPTIONS", path, "")
		checkStatus(t, options, http.StatusNoContent)
		checkAllow(t, "OPTIONS "+path, options, methods)
		checkUnauthorized(t, s.Call(t, "", "OPTIONS", path, ""), missing)
	}
	checkStatus(t, s.Call(t, s.Key(t), "HEAD", "/seats", ""), http.StatusForbidden)
}

// checkAllow checks that the Allow header lists OPTIONS and methods, in any order.
func checkAllow(t *testing.T, request string, response handlerstest.Response, methods []string) {
	t.Helper()
	want, got := append([]string{"OPTIONS"}, methods...), strings.Split(response.Header.Get("Allow"), ", ")
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s: Allow = %q, want %q", request, got, want)
	}
}

func TestHugeQueryParametersAreRejected(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	long := strings.Repeat("a", 50_000)
	for _, path := range []string{
		"/workspace_members?email=" + long, "/workspace_members?role=" + long, "/meeting_requests?participant_email=" + long,
		"/meeting_requests?organizer_email=" + strings.Repeat("(", 50_000), "/meeting_requests?created_after=" + long, "/seats?cursor=" + long,
		"/api_keys?limit=" + strings.Repeat("1", 50_000),
	} {
		checkError(t, s.Call(t, key, "GET", path, ""), 422, "validation_error", "")
	}
}

// TestInternalErrorsArePrivate checks that an internal error returns a 500 without details, and that
// the log contains them under the same request ID.
func TestInternalErrorsArePrivate(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key := s.Key(t, scope.All.Scopes()...)
		s.Want(t, http.StatusOK, key, "GET", "/seats", "")
		s.Exec(t, "ALTER TABLE seats RENAME TO seats_away")
		response := s.Call(t, key, "GET", "/seats", "")
		s.Exec(t, "ALTER TABLE seats_away RENAME TO seats")
		checkError(t, response, 500, "internal_error", "request ID")
		if strings.Contains(response.Body, "seats") {
			t.Errorf("the response reveals the error: %s", response.Body)
		}
		id, found := response.Header.Get("X-Request-Id"), 0
		for line := range strings.Lines(s.Log.String()) {
			if strings.Contains(line, id) && strings.Contains(line, `"level":"ERROR"`) && strings.Contains(line, "seats") {
				found++
			}
		}
		if id == "" {
			t.Fatal("no request ID")
		}
		if found != 1 {
			t.Errorf("the log has %d errors for request %s, want 1:\n%s", found, id, s.Log)
		}
	})
}
