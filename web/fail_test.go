package web_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web"
)

// TestErrorsBecomeAnswers: what the caller caused is explained, everything else is private, is
// logged once, and ends nothing but its request.
func TestErrorsBecomeAnswers(t *testing.T) {
	const private = "password=hunter2 at 10.0.0.7"
	tests := []struct {
		name      string
		handle    func() error
		status    int
		errorType string
		logged    bool
	}{
		{"an unknown error", func() error { return errors.New(private) }, 500, "internal_error", true},
		{"a panic", func() error { panic(private) }, 500, "internal_error", true},
		{"the framework's 500", func() error { return echo.NewHTTPError(500, private) }, 500, "internal_error", true},
		{"the framework's odd refusal", func() error { return echo.NewHTTPError(418, private) }, 418, "invalid_request", false},
		{"a broken rule", func() error {
			return fmt.Errorf("%s: %w", private, models.Errorf(models.FailedPrecondition, "It is paused."))
		}, 422, "invalid_request", false},
		{"a missing thing", func() error { return models.Errorf(models.NotFound, "There is no such key.") }, 404, "not_found", false},
		{"a forbidden thing", func() error { return models.Errorf(models.Forbidden, "No.") }, 403, "forbidden", false},
		{"too many attempts", func() error { return models.Errorf(models.RateLimited, "Wait.") }, 429, "rate_limited", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			server := newServer(t, web.Options{Log: slog.New(slog.NewJSONHandler(&log, nil))})
			handle := func(echo.Context) error { return tt.handle() }
			server.PublicAPI.GET("/v1/broken", handle)
			server.Pages.Add(http.MethodGet, "/broken", handle)

			api := serve(server, "/api/v1/broken")
			if api.Code != tt.status || !strings.Contains(api.Body.String(), `"type":"`+tt.errorType+`"`) {
				t.Errorf("API: %d %s, want %d %s", api.Code, api.Body, tt.status, tt.errorType)
			}
			page := serve(server, "/broken")
			if page.Code != tt.status || !strings.Contains(page.Header().Get("Content-Type"), "text/html") {
				t.Errorf("page: %d %s", page.Code, page.Header().Get("Content-Type"))
			}
			for _, answer := range []*httptest.ResponseRecorder{api, page} {
				if strings.Contains(answer.Body.String(), "hunter2") || strings.Contains(answer.Body.String(), "goroutine") {
					t.Errorf("the answer tells what is private: %s", answer.Body)
				}
			}
			if got := strings.Count(log.String(), `"level":"ERROR"`); (got == 2) != tt.logged || got > 2 {
				t.Errorf("%d errors logged for two requests: %s", got, log.String())
			}
		})
	}
}

// TestACallerWhoHasGoneIsNoError: browsers break off what they do not need any more.
func TestACallerWhoHasGoneIsNoError(t *testing.T) {
	var log bytes.Buffer
	server := newServer(t, web.Options{Log: slog.New(slog.NewJSONHandler(&log, nil))})
	tests := map[string]struct {
		begun  bool // some of the answer has been sent
		err    error
		logged bool
	}{
		"/gone":     {true, fmt.Errorf("write: %w", syscall.EPIPE), false},
		"/reset":    {true, fmt.Errorf("write: %w", syscall.ECONNRESET), false},
		"/database": {false, fmt.Errorf("read keys: %w", syscall.ECONNRESET), true},
	}
	server.Pages.Add(http.MethodGet, "/left", func(c echo.Context) error { return errors.New("read keys: interrupted") })
	left, leave := context.WithCancel(t.Context())
	leave()
	server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/left", nil).WithContext(left))
	if strings.Contains(log.String(), `"level":"ERROR"`) {
		t.Errorf("a query that was broken off because the caller has gone: %s", &log)
	}
	for path, tt := range tests {
		server.Pages.Add(http.MethodGet, path, func(c echo.Context) error {
			if tt.begun {
				c.Response().WriteHeader(http.StatusOK)
			}
			return tt.err
		})
		log.Reset()
		serve(server, path)
		if logged := strings.Contains(log.String(), `"level":"ERROR"`); logged != tt.logged {
			t.Errorf("%s: logged as an error: %t, want %t", path, logged, tt.logged)
		}
	}
}

// TestABrokenDownloadFails in the client: it must not take the half of a table for the whole.
// What breaks before anything was sent is an answer like any other, not a file.
func TestABrokenDownloadFails(t *testing.T) {
	const whole = 5000
	tests := map[string]struct {
		breaks int // before this row
		status int
		file   bool
		failed bool // while it was read
		logged string
	}{
		"not at all": {whole, http.StatusOK, true, false, ""},
		"half-way":   {3000, http.StatusOK, true, true, "response aborted"},
		"at once":    {0, http.StatusInternalServerError, false, false, "request failed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			server := newServer(t, web.Options{Log: slog.New(slog.NewJSONHandler(&log, nil))})
			server.Pages.Add(http.MethodGet, "/table", func(c echo.Context) error {
				return web.SendCSV(c, "table.csv", []string{"name"}, func(send func(row []string) error) error {
					for i := range tt.breaks {
						if err := send([]string{fmt.Sprintf("row %d", i)}); err != nil {
							return err
						}
					}
					if tt.breaks < whole {
						return errors.New("the database has gone")
					}
					return nil
				})
			})
			status, file, err := download(t, server, "/table")
			if failed := err != nil; failed != tt.failed || status != tt.status || file != tt.file {
				t.Errorf("status %d, a file %t, %v", status, file, err)
			}
			if !strings.Contains(log.String(), tt.logged) || strings.Count(log.String(), `"level":"ERROR"`) != min(len(tt.logged), 1) {
				t.Errorf("the log: %s", log.String())
			}
			if got := strings.Count(log.String(), `"msg":"request"`); got != 1 {
				t.Errorf("%d lines about the request: %s", got, log.String())
			}
		})
	}
}

// download gets path as a client does. The error is what became of the body; whatever is logged
// has been when it returns.
func download(t *testing.T, handler http.Handler, path string) (status int, file bool, err error) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	answer, err := server.Client().Get(server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	return answer.StatusCode, answer.Header.Get("Content-Disposition") != "", err
}

func serve(handler http.Handler, path string) *httptest.ResponseRecorder {
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, httptest.NewRequest(http.MethodGet, path, nil))
	return response
}

// newServer returns a Server on an empty database.
func newServer(t *testing.T, options web.Options) *web.Server {
	t.Helper()
	store := modelstest.NewSQLite(t).Store
	options.PublicURL = "http://keys.test"
	return web.New(store, web.NewKeyGate(store, web.GateOptions{Log: options.Log}), options)
}

// TestPagesHaveTheHeaders that keep them to themselves.
func TestPagesHaveTheHeaders(t *testing.T) {
	server := newServer(t, web.Options{Log: slog.New(slog.DiscardHandler)})
	header := serve(server, "/nothing").Header()
	for name, want := range map[string]string{
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	policy := header.Get("Content-Security-Policy")
	for _, directive := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, directive) {
			t.Errorf("the policy lacks %s: %s", directive, policy)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy allows what is unsafe: %s", policy)
	}
}
