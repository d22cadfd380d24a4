package dashboard_test

import (
	"encoding/csv"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

// used creates a key and sends some requests with it.
func used(t *testing.T, s *handlerstest.Server) *models.APIKey {
	t.Helper()
	key, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "Busy", Scopes: scope.Of(scope.SeatsRead, scope.MembersRead)})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		s.Call(t, secret.Reveal(), "GET", "/seats", "")
	}
	s.Call(t, secret.Reveal(), "GET", "/me", "")
	s.Call(t, secret.Reveal(), "GET", "/meeting_requests", "") // 403
	s.Flush(t)
	return key
}

func usagePath(key *models.APIKey) string { return listPath + "/" + key.ID + "/usage" }

// figures returns the numbers in each row of a table by the first words of the row.
func figures(table *goquery.Selection) map[string][]string {
	rows := map[string][]string{}
	table.Find("tr").Each(func(_ int, row *goquery.Selection) {
		if name := strings.Fields(row.Find("th[scope=row]").Text()); len(name) > 0 {
			rows[strings.Join(name[:min(2, len(name))], " ")] = row.Find("td[data-number]").Map(func(_ int, cell *goquery.Selection) string { return strings.TrimSpace(cell.Text()) })
		}
	})
	return rows
}

// TestUsagePageAddsUp checks that every table of the page, the page of the key, and the list count the
// same requests.
func TestUsagePageAddsUp(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key := used(t, s)
		b := s.SignedIn(t, handlerstest.AdminEmail)
		for _, query := range []string{"", "?period=24h", "?period=7d", "?period=7d&by=day", "?period=90d", "?period=nonsense&by=week"} {
			answer := b.Get(usagePath(key) + query)
			page := document(t, answer)
			if answer.Status != http.StatusOK || page.Find("#total").Text() != "7" {
				t.Fatalf("%s: status = %d, total = %q", query, answer.Status, page.Find("#total").Text())
			}
			tables := map[string]map[string][]string{
				"by-route":  {"GET /seats": {"5", "0"}, "GET /me": {"1", "0"}, "GET /meeting_requests": {"1", "1"}, "Total": {"7", "1"}},
				"by-scope":  {"No scope": {"1", "0"}, "seats.read Last": {"5", "0"}, "members.read Never": {"0", "0"}, "meeting_requests.read Not": {"1", "1"}, "Total": {"7", "1"}},
				"by-caller": {"127.0.0.1": {"6", "1"}, "Total (all": {"6", "1"}},
			}
			for id, want := range tables {
				if diff := cmp.Diff(want, figures(page.Find("section[aria-labelledby="+id+"] table"))); diff != "" {
					t.Errorf("%s, %s (-want +got):\n%s", query, id, diff)
				}
			}
			if diff := cmp.Diff([]string{"7", "6", "1", "0"}, figures(page.Find(".chart-table"))["Total"]); diff != "" {
				t.Errorf("%s, by status (-want +got):\n%s", query, diff)
			}
			if words := page.Find("[data-bar] title").Last().Text(); !strings.HasSuffix(words, "7 requests so far (6 2xx, 1 4xx)") {
				t.Errorf("%s: last bar = %q", query, words)
			}
		}
		if refusals := document(t, b.Get(usagePath(key))).Find("section[aria-labelledby=rejections] li").Text(); !strings.Contains(refusals, "Missing scope: meeting_requests.read") {
			t.Errorf("recent rejections = %q", refusals)
		}
		if words := document(t, b.Get(listPath+"/"+key.ID)).Find("#key-usage").Text(); !strings.Contains(words, "7 requests in 30 days, 1 rejected") {
			t.Errorf("usage on the page of the key = %q, want the same", words)
		}
		if words, _ := document(t, b.Get(listPath)).Find("[data-usage] a").Attr("aria-label"); words != "Usage: 7 requests in 30 days, 1 rejected" {
			t.Errorf("list = %q", words)
		}
	})
}

// TestUsageOfAllRotatedKeys adds up the keys of a rotation history on the page and in both files.
func TestUsageOfAllRotatedKeys(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		old, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "CI", Scopes: scope.Of(scope.SeatsRead)})
		if err != nil {
			t.Fatal(err)
		}
		next, nextSecret, err := s.RotateAPIKey(t.Context(), s.Workspace.ID, old.ID, models.NewReplacement{})
		if err != nil {
			t.Fatal(err)
		}
		alone := used(t, s)
		for key, times := range map[string]int{secret.Reveal(): 3, nextSecret.Reveal(): 2} {
			for range times {
				s.Call(t, key, "GET", "/seats", "")
			}
			s.Call(t, key, "GET", "/api_keys", "") // 403
		}
		s.Flush(t)
		b := s.SignedIn(t, handlerstest.AdminEmail)
		const both = "?keys=rotated"
		for path, want := range map[string]string{usagePath(old): "4", usagePath(next): "3", usagePath(old) + both: "7", usagePath(next) + both: "7", usagePath(alone) + both: "7"} {
			if got := document(t, b.Get(path)).Find("#total").Text(); got != want {
				t.Errorf("%s: requests = %s, want %s", path, got, want)
			}
		}
		page := document(t, b.Get(usagePath(old)+both+"&period=7d&by=day"))
		for id, want := range map[string]map[string][]string{
			"by-route":  {"GET /seats": {"5", "0"}, "GET /api_keys": {"2", "2"}, "Total": {"7", "2"}},
			"by-caller": {"127.0.0.1": {"5", "2"}, "Total (all": {"5", "2"}},
		} {
			if diff := cmp.Diff(want, figures(page.Find("section[aria-labelledby="+id+"] table"))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", id, diff)
			}
		}
		if items := page.Find("section[aria-labelledby=rejections] li"); items.Length() != 1 || !strings.Contains(items.Text(), "2 times") {
			t.Errorf("recent rejections = %q", items.Text())
		}
		page.Find("nav[aria-label=Period] a, nav[aria-label=Bars] a, a[href*='.csv']").Each(func(_ int, link *goquery.Selection) {
			if address, _ := link.Attr("href"); !strings.Contains(address, "keys=rotated") {
				t.Errorf("%s leads to one key, want all", address)
			}
		})
		sum := 0
		for _, row := range table(t, b.Get(usagePath(next)+"/counts.csv"+both))[1:] {
			n, err := strconv.Atoi(row[5])
			if err != nil {
				t.Error(err)
			}
			sum += n
		}
		modelstest.Equal(t, "requests", sum, 7)
		callers := table(t, b.Get(usagePath(next)+"/callers.csv"+both))
		if len(callers) != 2 {
			t.Fatalf("callers = %q, want the header and one row", callers)
		}
		modelstest.Equal(t, "requests of the caller", callers[1][4:], []string{"5", "2", "1"})
		live, _ := page.Find("[data-live]").Attr("hx-get")
		if status := b.Part(live).Status; status != http.StatusNoContent {
			t.Errorf("status without new requests = %d, want 204", status)
		}
		s.Call(t, nextSecret.Reveal(), "GET", "/seats", "")
		s.Flush(t)
		if status := b.Part(live).Status; status != http.StatusOK {
			t.Errorf("status after a request with the other key = %d, want 200", status)
		}
		if document(t, b.Get(usagePath(alone))).Find("nav[aria-label=Keys]").Length() != 0 || page.Find("nav[aria-label=Keys] a").Length() != 2 {
			t.Error("the switch between keys is shown without a rotation, or missing with one")
		}
		if badges := document(t, b.Get(listPath)).Find("[data-cell=status]").Text(); strings.Count(badges, "Replacement") != 1 || strings.Count(badges, "Rotating") != 1 {
			t.Errorf("list = %q", badges)
		}
	})
}

func TestUsageByDaysOfTheViewer(t *testing.T) {
	s := handlerstest.New(t)
	key := used(t, s) // at 09:26 in UTC
	for zone, want := range map[string]string{"UTC": "Sat, 14 Mar 2026", "Pacific/Auckland": "Sat, 14 Mar 2026", "Pacific/Honolulu": "Fri, 13 Mar 2026"} {
		b := s.SignedIn(t, handlerstest.AdminEmail).In(zone)
		if words := document(t, b.Get(usagePath(key))).Find("[data-bar] title").Last().Text(); !strings.HasPrefix(words, want+": 7 requests") {
			t.Errorf("%s: last bar = %q, want %s", zone, words, want)
		}
	}
}

// TestLastDaysStartAtTheViewersMidnight checks every page that counts requests of 30 days.
func TestLastDaysStartAtTheViewersMidnight(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		alone, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "Alone", Scopes: scope.Of(scope.SeatsRead)})
		if err != nil {
			t.Fatal(err)
		}
		old, oldSecret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "Old"})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.RotateAPIKey(t.Context(), s.Workspace.ID, old.ID, models.NewReplacement{}); err != nil {
			t.Fatal(err)
		}
		send := func(agent string) {
			for _, key := range []string{secret.Reveal(), oldSecret.Reveal()} {
				request := s.Request(t, http.MethodGet, "/api/v1/me", "")
				request.Header.Set("Authorization", "Bearer "+key)
				request.Header.Set("User-Agent", agent)
				handlerstest.Send(t, http.DefaultClient, request)
			}
			s.Flush(t)
		}
		at := func(hour string) {
			when, err := time.Parse(time.RFC3339, hour)
			if err != nil {
				t.Fatal(err)
			}
			s.Clock.Advance(when.Sub(s.Now()))
		}
		at("2026-03-14T11:30:00Z") // 01:30 in Honolulu
		send("first/1")
		at("2026-03-15T00:30:00Z")
		send("first/1")
		at("2026-04-13T09:00:00Z") // 23:00 of the day before in Honolulu, where these are the last 30 days
		send("late/2")
		s.Call(t, oldSecret.Reveal(), "GET", "/seats", "") // 403
		s.Flush(t)
		for zone, want := range map[string]struct{ requests, first string }{"UTC": {"2", "2026-03-15T00:00:00Z"}, "Pacific/Honolulu": {"3", "2026-03-14T00:00:00-10:00"}} {
			b := s.SignedIn(t, handlerstest.AdminEmail).In(zone)
			page := func(path string) *goquery.Document { return document(t, b.Get(listPath+path)) }
			if got := page("?q=Alone").Find("[data-usage] a").AttrOr("aria-label", ""); got != "Usage: "+want.requests+" requests in 30 days" {
				t.Errorf("%s: list = %q", zone, got)
			}
			if got := page("/" + alone.ID).Find("#key-usage").Text(); !strings.Contains(got, want.requests+" requests in 30 days") {
				t.Errorf("%s: page of the key = %q", zone, got)
			}
			if got := page("/" + alone.ID + "/rotation").Find("#panel").Text(); !strings.Contains(got, "Used by 0 of "+want.requests+" requests (seats.read)") {
				t.Errorf("%s: rotation form = %q", zone, got)
			}
			n, err := strconv.Atoi(want.requests)
			if err != nil {
				t.Fatal(err)
			}
			if got := page("/" + old.ID).Find("section[aria-labelledby=rotation-history]").Text(); !strings.Contains(got, strconv.Itoa(n+1)+" requests across all keys") {
				t.Errorf("%s: rotation history = %q", zone, got)
			}
			usage := page("/" + alone.ID + "/usage")
			if got := usage.Find("#total").Text(); got != want.requests {
				t.Errorf("%s: requests = %s", zone, got)
			}
			recent := usage.Find("section[aria-labelledby=by-caller] tr:has(.chip)").Text()
			modelstest.Contains(t, zone+": new callers", recent, "late 2")
			if strings.Contains(recent, "first") {
				t.Errorf("%s: new callers = %q, which include an old one", zone, recent)
			}
			counts := b.Get(usagePath(alone) + "/counts.csv")
			if file := counts.Header.Get("Content-Disposition"); !usageFile.MatchString(file) {
				t.Errorf("%s: file = %q", zone, file)
			}
			rows := table(t, counts)
			if len(rows) != 3 {
				t.Fatalf("%s: rows = %q, want the header and two rows", zone, rows)
			}
			modelstest.Equal(t, zone+": first day", rows[1][0], want.first)
			modelstest.Equal(t, zone+": requests on the first day", rows[1][5], strconv.Itoa(n-1))
		}
		callers := s.SignedIn(t, handlerstest.AdminEmail).Get(usagePath(alone) + "/callers.csv")
		want := [][]string{
			{"address", "user_agent", "first_seen_at", "last_seen_at", "accepted", "refused", "callers"},
			{"127.0.0.1", "late/2", "2026-04-13T09:00:00Z", "2026-04-13T09:00:00Z", "1", "0", "1"},
			{"127.0.0.1", "first/1", "2026-03-14T11:30:00Z", "2026-03-15T00:30:00Z", "2", "0", "1"},
		}
		if diff := cmp.Diff(want, table(t, callers)); diff != "" || !callersFile.MatchString(callers.Header.Get("Content-Disposition")) {
			t.Errorf("%v (-want +got):\n%s", callers.Header["Content-Disposition"], diff)
		}
	})
}

// TestUsagePageRefreshesItself gets 204 until there is something new.
func TestUsagePageRefreshesItself(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "Live"})
		if err != nil {
			t.Fatal(err)
		}
		b := s.SignedIn(t, handlerstest.AdminEmail)
		live := func(page *goquery.Document) string {
			address, _ := page.Find("[data-live]").Attr("hx-get")
			return address
		}
		address := live(document(t, b.Get(usagePath(key)+"?period=24h")))
		if answer := b.Part(address); answer.Status != http.StatusNoContent || answer.Body != "" {
			t.Errorf("response without new requests = %d %q, want 204", answer.Status, answer.Body)
		}
		s.Call(t, secret.Reveal(), "GET", "/me", "")
		s.Flush(t)
		answer := b.Part(address)
		part := document(t, answer)
		answer.Want(t, http.StatusOK)
		modelstest.Equal(t, "total", part.Find("#total").Text(), "1")
		modelstest.Equal(t, "navigation in the part", part.Find("nav[aria-label=Settings]").Length(), 0)
		if live(part) == address {
			t.Error("the part has the same URL although there was a request")
		}
		if answer := b.Part(live(part)); answer.Status != http.StatusNoContent {
			t.Errorf("status after that = %d, want 204", answer.Status)
		}
		s.Clock.Advance(time.Hour)
		if later := b.Part(live(part)); later.Status != http.StatusOK || live(document(t, later)) == live(part) {
			t.Errorf("status in the next hour = %d, want 200", later.Status)
		}
		if whole := b.Get(live(part)); whole.Status != http.StatusOK || document(t, whole).Find("nav[aria-label=Settings]").Length() != 1 {
			t.Errorf("status in a browser = %d, want 200", whole.Status)
		}
	})
}

// TestUsageAsCSV includes a user agent that a spreadsheet would take for a formula.
func TestUsageAsCSV(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{
			Name: "CI", Allowlist: models.Allowlist{Mode: models.AllowlistReportOnly, Networks: "203.0.113.7/32"},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, agent := range []string{"=HYPERLINK(\"http://evil.test\")", "curl/8", "curl/8"} {
			request := s.Request(t, http.MethodGet, "/api/v1/me", "")
			request.Header.Set("Authorization", "Bearer "+secret.Reveal())
			request.Header.Set("User-Agent", agent)
			handlerstest.Send(t, http.DefaultClient, request)
		}
		s.Call(t, secret.Reveal(), "GET", "/seats", "") // 403
		s.Flush(t)
		b := s.SignedIn(t, handlerstest.AdminEmail)
		hour := s.Now().Truncate(time.Hour).Format(time.RFC3339)
		want := [][]string{
			{"starts_at", "route", "scope", "status", "refusal", "requests", "outside_allowlist"},
			{hour, "GET /me", "", "2xx", "", "3", "3"},
			{hour, "GET /seats", "seats.read", "4xx", "scope", "1", "0"},
		}
		if diff := cmp.Diff(want, table(t, b.Get(usagePath(key)+"/counts.csv?period=24h"))); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
		var agents []string
		requests := 0
		for _, row := range table(t, b.Get(usagePath(key)+"/callers.csv"))[1:] {
			agents = append(agents, row[1])
			for _, cell := range row[4:6] {
				n, err := strconv.Atoi(cell)
				if err != nil {
					t.Error(err)
				}
				requests += n
			}
		}
		if requests != 4 || !strings.Contains(strings.Join(agents, "\n"), "'=HYPERLINK") {
			t.Errorf("requests = %d of %q", requests, agents)
		}
	})
}

// The names of downloaded files contain the name and the end of the ID of the key, and the period.
var (
	usageFile   = regexp.MustCompile(`filename="usage-[a-z-]+-[a-z0-9]{6}-30d-\d{4}-\d\d-\d\d\.csv"`)
	callersFile = regexp.MustCompile(`filename="callers-[a-z-]+-[a-z0-9]{6}-\d{4}-\d\d-\d\d\.csv"`)
)

func table(t *testing.T, answer handlerstest.Response) [][]string {
	t.Helper()
	answer.Want(t, http.StatusOK)
	answer.WantHeader(t, "Content-Type", "text/csv; charset=utf-8")
	modelstest.Contains(t, "Content-Disposition", answer.Header.Get("Content-Disposition"), "attachment")
	text, marked := strings.CutPrefix(answer.Body, "\ufeff")
	if !marked {
		t.Error("the file doesn't begin with a byte order mark, so that Excel doesn't read it as UTF-8")
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestUsageOfAnotherWorkspaceIsNotFound requests every URL.
func TestUsageOfAnotherWorkspaceIsNotFound(t *testing.T) {
	s := handlerstest.New(t)
	key := used(t, s)
	s.NewWorkspace(t, "Rival", "rival@rival.test")
	b := s.SignedIn(t, "rival@rival.test")
	for _, path := range []string{"", "?period=7d", "/counts.csv", "/callers.csv"} {
		if answer := b.Get(usagePath(key) + path); answer.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, answer.Status)
		}
	}
}
