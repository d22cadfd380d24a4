package api

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
)

// messageOf returns the message of an error that the client may read. Any other error fails the test.
func messageOf(t *testing.T, err error) string {
	t.Helper()
	var rule *models.Error
	var request *web.RequestError
	switch {
	case errors.As(err, &rule):
		return rule.Message
	case errors.As(err, &request):
		return request.Message
	}
	t.Fatalf("private error for invalid input: %v", err)
	return ""
}

// FuzzBody checks that any body is either accepted or rejected with a readable message.
func FuzzBody(f *testing.F) {
	for _, body := range []string{
		`{"organizer_email":"ada@acme.test","participants":[{"email":"p@x.test","name":null}],"context":{"timeframe":{"start":"2026-04-01T09:00:00+02:00"}}}`,
		`{"participant_emails":null,"context":null}`, `{"context":{"duration_minutes":1e400}}`, `{"context":{"title":"\ud800"}}`, `null`, `[]`, `{"a":{"b":[1,2,{"c":"d"}]}}`,
		"{\"organizer_name\":\"\xff\"}", `{"participants":[{"email":1}]}`, `{"":1}`, `{"context":{"timeframe":{"end":"9999-12-31T23:59:59-23:59"}}}`, strings.Repeat("[", 20_000), "{\"a\":1}\n{}",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var created newMeetingRequest
		var edit meetingRequestEdit
		for _, in := range []any{&created, &edit, new(newAPIKey), new(newMember), new(newSeat), new(newCapacity), new(cancellation)} {
			if err := decode([]byte(body), in); err != nil {
				if message := messageOf(t, err); !utf8.ValidString(message) || len(message) > 400 {
					t.Errorf("body %q: message = %q", body, message)
				}
			}
		}
		if _, err := created.model(); err != nil {
			messageOf(t, err)
		}
		if _, err := edit.model(); err != nil {
			messageOf(t, err)
		}
	})
}

// FuzzQuery checks that any query is either rejected or results in a valid page limit.
func FuzzQuery(f *testing.F) {
	for _, query := range []string{"limit=10&cursor=abc", "limit=-1", "limit=0x10", "limit=1e2", "limit=+5", "limit=5&limit=500", "emial=a", "Limit=5", "status=", "\xff=1", "%zz", "a;b", "created_after=2026-03-14T09:26:53Z", "limit=%31", "created_before=%00"} {
		f.Add(query)
	}
	e := echo.New()
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.RawQuery = query
		var in meetingRequestQuery
		if _, err := bind(e.NewContext(r, httptest.NewRecorder()), &in); err != nil {
			if _, parseErr := url.ParseQuery(query); parseErr == nil {
				messageOf(t, err)
			}
			return
		}
		if page, err := in.page(); err != nil {
			messageOf(t, err)
		} else if page.Limit < 1 || page.Limit > models.MaxPageLimit {
			t.Errorf("query %q: limit = %d", query, page.Limit)
		}
		for _, text := range []string{in.CreatedAfter, in.CreatedBefore} {
			if at, err := parseTime("created_after", text); err != nil {
				messageOf(t, err)
			} else if (at == nil) != (text == "") {
				t.Errorf("parseTime(%q) = %v", text, at)
			}
		}
	})
}

// FuzzIdempotencyKey checks that accepted keys are visible ASCII, without the quotes.
func FuzzIdempotencyKey(f *testing.F) {
	for _, name := range []string{"order-4711", `"quoted"`, `"`, `""`, "a b", "é", strings.Repeat("x", 256), "\x00"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header[headerIdempotencyKey] = []string{name}
		key, given, err := idempotencyKey(r)
		if err != nil {
			messageOf(t, err)
			return
		}
		if !given {
			t.Errorf("idempotencyKey(%q) ignores the header", name)
		}
		if key == "" || len(key) > maxIdempotencyKey {
			t.Errorf("idempotencyKey(%q) = %q, with the length %d", name, key, len(key))
		}
		if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("idempotencyKey(%q) = %q, which isn't visible ASCII", name, key)
		}
		if key != name && `"`+key+`"` != name {
			t.Errorf("idempotencyKey(%q) = %q", name, key)
		}
	})
}
