package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

// TestPauseResume: a paused key is refused on every node, like a key that never was, and who
// sends it is counted. It works again when somebody says so, and by itself.
func TestPauseResume(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b, another := s.SignedIn(t, handlerstest.AdminEmail), s.AnotherNode(t)
		key, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "CI"})
		if err != nil {
			t.Fatal(err)
		}
		call := func() handlerstest.Response { return another.Call(t, secret.Reveal(), "GET", "/me", "") }
		if got := call(); got.Status != http.StatusOK {
			t.Fatalf("before: %d", got.Status)
		}
		page := listPath + "/" + key.ID
		pause := func() {
			t.Helper()
			b.Post(page+"/pause", url.Values{"for": {"1h"}}).WantRedirect(t, page)
		}
		pause()
		unknown := another.Call(t, "sk_live_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17", "GET", "/me", "")
		rejected := call()
		rejected.Want(t, http.StatusUnauthorized)
		modelstest.Equal(t, "body", rejected.Body, unknown.Body)
		rejected.WantHeader(t, "WWW-Authenticate", unknown.Header.Get("WWW-Authenticate"))
		another.Flush(t)
		callers, err := s.CallersOf(t.Context(), s.Workspace.ID, key.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(callers) != 1 {
			t.Fatalf("callers = %+v, want one", callers)
		}
		modelstest.Equal(t, "rejected requests", callers[0].Rejected, 1)
		modelstest.Equal(t, "reason", callers[0].LastRejection, usage.RejectedPaused)
		b.Get(page).Want(t, http.StatusOK, "Paused. Resumes", "in 1 hour")
		modelstest.Contains(t, "list", document(t, b.Get(listPath+"?status=paused")).Find("#keys tbody tr").Text(), "Paused", "in 1 hour")
		if got := b.Post(page+"/resume", nil); got.Status != http.StatusSeeOther {
			t.Errorf("resume: %d", got.Status)
		}
		if got := call(); got.Status != http.StatusOK {
			t.Errorf("resumed: %d", got.Status)
		}
		pause()
		s.Clock.Advance(time.Hour)
		if got := call(); got.Status != http.StatusOK {
			t.Errorf("after the pause: %d", got.Status)
		}
		if shown := b.Get(page); strings.Contains(shown.Body, "Paused. Resumes") {
			t.Error("the page says that the key is paused after the pause")
		}
	})
}

func TestRejectedPauseKeepsTheSelection(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	key := s.NamedKey(t, s.Workspace.ID, "CI")
	address := listPath + "/" + key.ID + "/pause"
	for name, tt := range map[string]struct {
		form url.Values
		says string
	}{
		"no choice":      {url.Values{}, "End time must be one of the options."},
		"other duration": {url.Values{"for": {"2h"}}, "End time must be one of the options."},
		"no time":        {url.Values{"for": {"until"}}, "End time must be a date and time."},
		"past time":      {url.Values{"for": {"until"}, "until": {"2026-03-14T09:00"}}, "End time must be in the future."},
		"too long":       {url.Values{"for": {"until"}, "until": {"2027-03-14T09:00"}}, "End time must be within 90 days."},
		"invalid date":   {url.Values{"for": {"until"}, "until": {"tomorrow"}}, "End time must be a date and time."},
	} {
		t.Run(name, func(t *testing.T) {
			answer := b.Post(address, tt.form)
			answer.Want(t, http.StatusUnprocessableEntity, tt.says)
			page := document(t, answer)
			modelstest.Equal(t, "time", page.Find(`input[name="until"]`).AttrOr("value", ""), tt.form.Get("until"))
			if tt.form.Get("for") == "until" {
				modelstest.Equal(t, "choice", page.Find(`input[name="for"][checked]`).AttrOr("value", ""), "until")
			}
			modelstest.Equal(t, "PausedUntil", keysOf(t, s)[0].PausedUntil, nil)
		})
	}
	b.Post(listPath+"/key_1/pause", url.Values{"for": {"1h"}}).Want(t, http.StatusNotFound)
}

// TestPauseSaysWhatItStops before it does: the requests with this key and no other, by hour, day and
// month, the routes that are called most and the callers that came last.
func TestPauseSaysWhatItStops(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "CI", Scopes: scope.ReadOnly})
		if err != nil {
			t.Fatal(err)
		}
		other := s.Key(t)
		send := func(times int, key, agent, path string) {
			for range times {
				request := s.Request(t, http.MethodGet, "/api/v1"+path, "")
				request.Header.Set("Authorization", "Bearer "+key)
				request.Header.Set("User-Agent", agent)
				handlerstest.Send(t, http.DefaultClient, request)
			}
			s.Flush(t)
		}
		send(9, secret.Reveal(), "ancient/0", "/me")
		s.Clock.Advance(31 * 24 * time.Hour)
		send(4, secret.Reveal(), "monthly/1", "/seats")
		s.Clock.Advance(10 * 24 * time.Hour)
		send(3, secret.Reveal(), "daily/2", "/me")
		s.Clock.Advance(5 * time.Hour)
		send(2, secret.Reveal(), "sync/3", "/me")
		send(50, other, "other/4", "/me")
		panel := document(t, s.SignedIn(t, handlerstest.AdminEmail).Get(listPath+"/"+key.ID+"/pause")).Find("#panel")
		each := func(selector string) string {
			return strings.Join(panel.Find("section[aria-labelledby=pause-stops] "+selector).Map(func(_ int, one *goquery.Selection) string {
				return strings.Join(strings.Fields(one.Text()), " ")
			}), ", ")
		}
		for selector, want := range map[string]string{
			"dl:first-of-type dt": "Last hour, Last day, Last 30 days", "dl:first-of-type dd": "2, 5, 9",
			"dd:has(code) li code.name": "GET /me, GET /seats", "dd:first-of-type li > span:last-child": "5, 4",
			"li bdi": "sync 3, daily 2, monthly 1", ".help": "Accepted requests. “Last hour” counts from 13:00 UTC.",
		} {
			if got := each(selector); got != want {
				t.Errorf("%s: %q, want %q", selector, got, want)
			}
		}
		if chosen := panel.Find("input[name=for][checked]"); chosen.Length() != 1 || chosen.AttrOr("value", "") != "1h" {
			t.Errorf("%q is chosen at first", chosen.AttrOr("value", ""))
		}
	})
}

func TestPauseUntilATimeInTheViewersZone(t *testing.T) {
	s := handlerstest.New(t)
	b, key := s.SignedIn(t, handlerstest.AdminEmail).In("Pacific/Honolulu"), s.NamedKey(t, s.Workspace.ID, "CI")
	page := listPath + "/" + key.ID
	paused := b.Post(page+"/pause", url.Values{"for": {"until"}, "until": {"2026-03-14T12:30"}})
	modelstest.Equal(t, "PausedUntil", keysOf(t, s)[0].PausedUntil, new(time.Date(2026, 3, 14, 22, 30, 0, 0, time.UTC)))
	modelstest.Equal(t, "notice", notice(t, b, paused), "Paused “CI”.")
	resumed := b.Post(page+"/resume", nil)
	resumed.WantRedirect(t, page)
	modelstest.Equal(t, "notice", notice(t, b, resumed), "Resumed “CI”.")
	modelstest.Equal(t, "PausedUntil", keysOf(t, s)[0].PausedUntil, nil)
	for choice, want := range map[string]time.Duration{"15m": 15 * time.Minute, "1h": time.Hour, "24h": 24 * time.Hour} {
		b.Post(page+"/pause", url.Values{"for": {choice}})
		if until := keysOf(t, s)[0].PausedUntil; until == nil || until.Sub(s.Now()) != want {
			t.Errorf("%s: PausedUntil = %v", choice, until)
		}
	}
}
