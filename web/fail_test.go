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

// TestErrorResponses checks that errors caused by the client are explained to it, and that all others
// are private and logged once: for each request, or for all requests of an outage.
func TestErrorResponses(t *testing.T) {
	const private = "password=hunter2 at 10.0.0.7"
	tests := []struct {
		name      string
		handle    func() error
		status    int
		errorType string
		logged    int // errors, for two requests
	}{
		{"unknown error", func() error { return errors.New(private) }, 500, "internal_error", 2},
		{"panic", func() error { panic(private) }, 500, "internal_error", 2},
		{"outage", func() error { return fmt.Errorf("%s: %w", private, context.DeadlineExceeded) }, 503, "service_unavailable", 1},
		{"500 from Echo", func() error { return echo.NewHTTPError(500, private) }, 500, "internal_error", 2},
		{"other status from Echo", func() error { return echo.NewHTTPError(418, private) }, 418, "invalid_request", 0},
		{"failed precondition", func() error {
			return fmt.Errorf("%s: %w", private, models.Errorf(models.FailedPrecondition, "It is paused."))
		}, 422, "invalid_request", 0},
		{"not found", func() error { return models.Errorf(models.NotFound, "There is no such key.") }, 404, "not_found", 0},
		{"forbidden", func() error { return models.Errorf(models.Forbidden, "No.") }, 403, "forbidden", 0},
		{"rate limited", func() error { return models.Errorf(models.RateLimited, "Wait.") }, 429, "rate_limited", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			server := newServer(t, web.Options{Log: slog.New(slog.NewJSONHandler(&log, nil))})
			handle := func(echo.Context) error { return tt.handle() }
			server.PublicAPI.GET("/v1/broken", handle)
			server.Pages.Add(http.MethodGet, "/broken", handle)

			api := serve(server, "/api/v1/broken")
			if api.Code != tt.status {
				t.Errorf("API: status = %d, want %d", api.Code, tt.status)
			}
			if got, want := api.Body.String(), `"type":"`+tt.errorType+`"`; !strings.Contains(got, want) {
				t.Errorf("API: body = %s, want it to contain %s", got, want)
			}
			page := serve(server, "/broken")
			if page.Code != tt.status {
				t.Errorf("page: status = %d, want %d", page.Code, tt.status)
			}
			if got, want := page.Header().Get("Content-Type"), "text/html; charset=UTF-8"; got != want {
				t.Errorf("page: Content-Type = %q, want %q", got, want)
			}
			for _, response := range []*httptest.ResponseRecorder{api, page} {
				for _, secret := range []string{"hunter2", "goroutine"} {
					if strings.Contains(response.Body.String(), secret) {
						t.Errorf("the response contains %q: %s", secret, response.Body)
					}
				}
			}
			if got := strings.Count(log.String(), `"level":"ERROR"`); got != tt.logged {
				t.Errorf("%d errors logged, want %d: %s", got, tt.logged, log.String())
			}
		})
	}
}

// TestDisconnectedClientsAreNotLoggedAsErrors checks that only errors of our own are logged when a
// connection breaks.
func TestDisconnectedClientsAreNotLoggedAsErrors(t *testing.T) {
	var log bytes.Buffer
	server := newServer(t, web.Options{Log: slog.New(slog.NewJSONHandler(&log, nil))})
	tests := map[string]struct {
		started bool // the response has started
		err     error
		logged  bool
	}{
		"/gone":     {true, fmt.Errorf("write: %w", syscall.EPIPE), false},
		"/reset":    {true, fmt.Errorf("write: %w", syscall.ECONNRESET), false},
		"/database": {false, fmt.Errorf("read keys: %w", syscall.ECONNRESET), true},
	}
	server.Pages.Add(http.MethodGet, "/left", func(c echo.Context) error { return errors.New("read keys: interrupted") })
	left, leave := context.WithCancel(t.Context())
	leave()
	if aborted := abort(func() {
		server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/left", nil).WithContext(left))
	}); !aborted {
		t.Error("the request of a disconnected client is not aborted")
	}
	if strings.Contains(log.String(), `"level":"ERROR"`) {
		t.Errorf("an interrupted query of a disconnected client is logged as an error: %s", &log)
	}
	for path, tt := range tests {
		server.Pages.Add(http.MethodGet, path, func(c echo.Context) error {
			if tt.started {
				c.Response().WriteHeader(http.StatusOK)
			}
			return tt.err
		})
		log.Reset()
		if aborted := abort(func() { serve(server, path) }); aborted != tt.started {
			t.Errorf("%s: aborted = %t, want %t", path, aborted, tt.started)
		}
		if logged := strings.Contains(log.String(), `"level":"ERROR"`); logged != tt.logged {
			t.Errorf("%s: logged as an error = %t, want %t", path, logged, tt.logged)
		}
	}
}

// abort calls request and reports whether it was aborted, so that net/http would close the connection.
func abort(request func()) (aborted bool) {
	defer func() {
		if value := recover(); value == http.ErrAbortHandler {
			aborted = true
		} else if value != nil {
			panic(value)
		}
	}()
	request()
	return false
}

// TestHandlersMustRespond checks that a handler that returns without a response causes an error.
func TestHandlersMustRespond(t *testing.T) {
	var log bytes.Buffer
	server := newServer(t, web.Options{Log: slog.New(slog.NewJSONHandler(&log, nil))})
	server.Pages.Add(http.MethodGet, "/silent", func(echo.Context) error { return nil })
	if got := serve(server, "/silent").Code; got != http.StatusInternalServerError {
		t.Errorf("status = %d, want 500", got)
	}
	if !strings.Contains(log.String(), "without a response") {
		t.Errorf("the error is not logged: %s", &log)
	}
}

// TestFailedDownload checks that a download that fails midway also fails in the client, which could
// otherwise mistake it for the whole table. One that fails at the start shows an error page.
func TestFailedDownload(t *testing.T) {
	const whole = 5000
	tests := map[string]struct {
		failsAt int // row before which the download fails
		status  int
		file    bool // sent as a file
		failed  bool // while the client read it
		logged  string
	}{
		"no failure":   {whole, http.StatusOK, true, false, ""},
		"midway":       {3000, http.StatusOK, true, true, `"error":"connection lost","aborted":true`},
		"at the start": {0, http.StatusInternalServerError, false, false, `"error":"connection lost"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			server := newServer(t, web.Options{Log: slog.New(slog.NewJSONHandler(&log, nil))})
			server.Pages.Add(http.MethodGet, "/table", func(c echo.Context) error {
				return web.SendCSV(c, "table.csv", []string{"name"}, func(send func(row []string) error) error {
					for i := range tt.failsAt {
						if err := send([]string{fmt.Sprintf("row %d", i)}); err != nil {
							return err
						}
					}
					if tt.failsAt < whole {
						return errors.New("connection lost")
					}
					return nil
				})
			})
			status, file, err := download(t, server, "/table")
			if status != tt.status {
				t.Errorf("status = %d, want %d", status, tt.status)
			}
			if file != tt.file {
				t.Errorf("sent as a file = %t, want %t", file, tt.file)
			}
			if failed := err != nil; failed != tt.failed {
				t.Errorf("read body: err = %v, want an error: %t", err, tt.failed)
			}
			if !strings.Contains(log.String(), tt.logged) {
				t.Errorf("log = %s, want it to contain %q", log.String(), tt.logged)
			}
			if got, want := strings.Count(log.String(), `"level":"ERROR"`), min(len(tt.logged), 1); got != want {
				t.Errorf("%d errors logged, want %d: %s", got, want, log.String())
			}
			if got := strings.Count(log.String(), `"msg":"request"`); got != 1 {
				t.Errorf("%d requests logged, want 1: %s", got, log.String())
			}
		})
	}
}

// download requests path over a connection. It returns the error from reading the body, after
// everything has been logged.
func download(t *testing.T, handler http.Handler, path string) (status int, file bool, err error) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	response, err := server.Client().Get(server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, response.Body)
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	return response.StatusCode, response.Header.Get("Content-Disposition") != "", err
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

func TestPageSecurityHeaders(t *testing.T) {
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
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	policy := header.Get("Content-Security-Policy")
	for _, directive := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, directive) {
			t.Errorf("Content-Security-Policy = %q, want it to contain %q", policy, directive)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("Content-Security-Policy = %q, want no unsafe directive", policy)
	}
}
