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

// refusal is the message of an error that a caller may read; a private one fails the test.
func refusal(t *testing.T, err error) string {
	t.Helper()
	var rule *models.Error
	var request *web.RequestError
	switch {
	case errors.As(err, &rule):
		return rule.Message
	case errors.As(err, &request):
		return request.Message
	}
	t.Fatalf("a private error for what a caller sent: %v", err)
	return ""
}

// FuzzBody: whatever is sent, a body is taken or refused in words that are fit to be read, and a
// refusal does not repeat what was sent as a value.
func FuzzBody(f *testing.F) {
	for _, body := range []string{
		`{"organizer_email":"ada@acme.test","participants":[{"email":"p@x.test","name":null}],"context":{"timeframe":{"start":"2026-04-01T09:00:00+02:00"}}}`,
		`{"participant_emails":null,"context":null}`, `{"context":{"duration_minutes":1e400}}`, `{"context":{"title":"\ud800"}}`, `null`, `[]`, `{"a":{"b":[1,2,{"c":"d"}]}}`,
		"{\"organizer_name\":\"\xff\"}", `{"participants":[{"email":1}]}`, `{"":1}`, `{"context":{"timeframe":{"end":"9999-12-31T23:59:59-23:59"}}}`, strings.Repeat("[", 20_000), "{\"a\":1}\n{}",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
		var made newMeetingRequest
		var edit meetingRequestEdit
		for _, in := range []any{&made, &edit, new(newAPIKey), new(newMember), new(newSeat), new(newCapacity), new(cancellation)} {
			if err := decode(r, []byte(body), in); err != nil {
				if said := refusal(t, err); !utf8.ValidString(said) || len(said) > 400 {
					t.Errorf("the refusal of %q is %q", body, said)
				}
			}
		}
		if _, err := made.model(); err != nil {
			refusal(t, err)
		}
		if _, err := edit.model(); err != nil {
			refusal(t, err)
		}
	})
}

// FuzzQuery: whatever the address asks for, a list is asked for within its bounds, or the query
// is refused.
func FuzzQuery(f *testing.F) {
	for _, query := range []string{"limit=10&cursor=abc", "limit=-1", "limit=0x10", "limit=1e2", "limit=+5", "limit=5&limit=500", "%zz", "a;b", "created_after=2026-03-14T09:26:53Z", "limit=%31", "created_before=%00"} {
		f.Add(query)
	}
	e := echo.New()
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.RawQuery = query
		var in meetingRequestQuery
		if _, err := bind(e.NewContext(r, httptest.NewRecorder()), &in); err != nil {
			if _, parseErr := url.ParseQuery(query); parseErr == nil {
				t.Errorf("%q is refused: %v", query, err)
			}
			return
		}
		if page, err := in.page(); err != nil {
			refusal(t, err)
		} else if page.Limit < 1 || page.Limit > models.MaxPageLimit {
			t.Errorf("%q asks for %d", query, page.Limit)
		}
		for _, text := range []string{in.CreatedAfter, in.CreatedBefore} {
			if at, err := parseTime("created_after", text); err != nil {
				refusal(t, err)
			} else if (at == nil) != (text == "") {
				t.Errorf("%q is the time %v", text, at)
			}
		}
	})
}

// FuzzIdempotencyKey: a name that is taken is visible ASCII, and the same without its quotes.
func FuzzIdempotencyKey(f *testing.F) {
	for _, name := range []string{"order-4711", `"quoted"`, `"`, `""`, "a b", "é", strings.Repeat("x", 256), "\x00"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header[headerIdempotencyKey] = []string{name}
		key, given, err := idempotencyKey(r)
		if err != nil {
			refusal(t, err)
			return
		}
		if !given || key == "" || len(key) > maxIdempotencyKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) ||
			key != name && `"`+key+`"` != name {
			t.Errorf("%q is taken as %q", name, key)
		}
	})
}
