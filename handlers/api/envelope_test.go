package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/scope"
)

// addressOf is the path of a route, about a thing that is not there.
func addressOf(route api.Route) string {
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

// TestBodiesAreBoundedAndStrict on every route that takes one: the size first, then the kind,
// the syntax, and each member.
func TestBodiesAreBoundedAndStrict(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	s.StopBackgroundWrites() // so that only the requests can change the database
	before := s.Dump(t)
	for _, route := range routesOf(s) {
		if !takesBody(route) {
			continue
		}
		send := func(mediaType, body string) handlerstest.Answer {
			request := s.Request(t, route.Method, api.Base+addressOf(route), body)
			request.Header.Set("Authorization", "Bearer "+key)
			request.Header.Set("Content-Type", mediaType)
			return handlerstest.Send(t, http.DefaultClient, request)
		}
		for _, tt := range []struct {
			mediaType, body string
			status          int
			kind, says      string
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
			answer := send(tt.mediaType, tt.body)
			if answer.Status != tt.status || answer.ErrorType(t) != tt.kind || !strings.Contains(answer.Body, tt.says) {
				t.Errorf("%s with %q of %.20q: %d %s, want %d %s saying %q", route.Name(), tt.mediaType, tt.body, answer.Status, answer.Body, tt.status, tt.kind, tt.says)
			}
		}
	}
	if after := s.Dump(t); after != before {
		t.Error("a refused body has changed something")
	}
}

// TestEveryMethodOnEveryPath: what a path does not take is 405 with what it takes, which
// OPTIONS tells too, and HEAD is GET without a body.
func TestEveryMethodOnEveryPath(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	taken := map[string][]string{}
	for _, route := range routesOf(s) {
		address := addressOf(route)
		taken[address] = append(taken[address], route.Method)
		if route.Method == http.MethodGet {
			taken[address] = append(taken[address], http.MethodHead)
			got, head := s.Call(t, key, "GET", address, ""), s.Call(t, key, "HEAD", address, "")
			if head.Status != got.Status || head.Body != "" || head.Header.Get("Content-Type") != "application/json" {
				t.Errorf("HEAD %s: %d %q, GET: %d", address, head.Status, head.Body, got.Status)
			}
		}
	}
	for address, methods := range taken {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY"} {
			if slices.Contains(methods, method) {
				continue
			}
			answer := s.Call(t, key, method, address, "")
			if answer.Status != http.StatusMethodNotAllowed || !sameMethods(answer.Header.Get("Allow"), methods) ||
				method != "HEAD" && answer.ErrorType(t) != "method_not_allowed" {
				t.Errorf("%s %s: %d %s, Allow %q, want 405 and %q", method, address, answer.Status, answer.Body, answer.Header.Get("Allow"), methods)
			}
		}
		options := s.Call(t, key, "OPTIONS", address, "")
		if options.Status != http.StatusNoContent || options.Body != "" || !sameMethods(options.Header.Get("Allow"), methods) {
			t.Errorf("OPTIONS %s: %d %s, Allow %q, want 204 and %q", address, options.Status, options.Body, options.Header.Get("Allow"), methods)
		}
		checkRefused(t, s.Call(t, "", "OPTIONS", address, ""), missing)
	}
	if head := s.Call(t, s.Key(t), "HEAD", "/seats", ""); head.Status != http.StatusForbidden {
		t.Errorf("HEAD without the scope of GET: %d", head.Status)
	}
}

// sameMethods reports whether an Allow header lists methods and OPTIONS, in any order.
func sameMethods(allow string, methods []string) bool {
	want, got := append([]string{"OPTIONS"}, methods...), strings.Split(allow, ", ")
	slices.Sort(want)
	slices.Sort(got)
	return slices.Equal(got, want)
}

// TestQueriesAreBounded: an absurd filter is refused, and quickly, on every list.
func TestQueriesAreBounded(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	long := strings.Repeat("a", 1<<20)
	for _, address := range []string{
		"/workspace_members?email=" + long, "/workspace_members?role=" + long, "/meeting_requests?participant_email=" + long,
		"/meeting_requests?organizer_email=" + strings.Repeat("(", 1<<20), "/meeting_requests?created_after=" + long, "/seats?cursor=" + long,
		"/api_keys?limit=" + strings.Repeat("1", 1<<20),
	} {
		checkRefusal(t, s.Call(t, key, "GET", address, ""), 422, "validation_error", "")
	}
}

// TestFailuresTellNothing: what breaks behind a route is a bare 500 with a request id, and the
// log has the rest under that id.
func TestFailuresTellNothing(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key := s.Key(t, scope.All.Scopes()...)
		s.Want(t, http.StatusOK, key, "GET", "/seats", "")
		s.Exec(t, "ALTER TABLE seats RENAME TO seats_away")
		answer := s.Call(t, key, "GET", "/seats", "")
		s.Exec(t, "ALTER TABLE seats_away RENAME TO seats")
		checkRefusal(t, answer, 500, "internal_error", "request ID")
		if strings.Contains(answer.Body, "seats") {
			t.Errorf("the answer tells what is private: %s", answer.Body)
		}
		id, found := answer.Header.Get("X-Request-Id"), 0
		for line := range strings.Lines(s.Log.String()) {
			if strings.Contains(line, id) && strings.Contains(line, `"level":"ERROR"`) && strings.Contains(line, "seats") {
				found++
			}
		}
		if id == "" || found != 1 {
			t.Errorf("the log has %d lines about %q:\n%s", found, id, s.Log)
		}
	})
}
