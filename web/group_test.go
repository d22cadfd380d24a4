package web_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/web"
)

// TestRequestsWithoutRoute checks that paths and methods without a route return an error in the form
// of their group, and that everything in the API requires a key.
func TestRequestsWithoutRoute(t *testing.T) {
	server := newServer(t, web.Options{Log: slog.New(slog.DiscardHandler)})
	ok := func(c echo.Context) error { return c.NoContent(http.StatusOK) }
	server.Pages.Add(http.MethodGet, "/things/:id", ok)
	server.API.Add(http.MethodGet, "/v1/things/:id", ok)
	const html, json = "text/html; charset=UTF-8", "application/json"
	tests := []struct {
		method, path string
		status       int
		contentType  string
		allow        string
	}{
		{"GET", "/things/1", 200, "", ""},
		{"GET", "/nothing", 404, html, ""},
		{"GET", "/apis", 404, html, ""},
		{"POST", "/things/1", 405, html, "OPTIONS, GET, HEAD"},
		{"QUERY", "/things/1", 405, html, "OPTIONS, GET, HEAD"},
		{"OPTIONS", "/things/1", 204, "", "OPTIONS, GET, HEAD"},
		{"GET", "/api", 401, json, ""},
		{"GET", "/api/", 401, json, ""},
		{"GET", "/api/nothing", 401, json, ""},
		{"GET", "/api/v1/things/1", 401, json, ""},
		{"POST", "/api/v1/things/1", 401, json, ""},
		{"QUERY", "/api/v1/things/1", 401, json, ""},
		{"OPTIONS", "/api/v1/things/1", 401, json, ""},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			response := httptest.NewRecorder()
			server.ServeHTTP(response, httptest.NewRequest(tt.method, tt.path, nil))
			if response.Code != tt.status {
				t.Errorf("status = %d, want %d", response.Code, tt.status)
			}
			if got := response.Header().Get("Content-Type"); got != tt.contentType {
				t.Errorf("Content-Type = %q, want %q", got, tt.contentType)
			}
			if got := response.Header().Get("Allow"); got != tt.allow {
				t.Errorf("Allow = %q, want %q", got, tt.allow)
			}
		})
	}
}
