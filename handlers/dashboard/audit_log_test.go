package dashboard_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

const logPath = "/settings/audit-log"

// sentences returns the sentences that a page of the log shows.
func sentences(t *testing.T, page handlerstest.Response) []string {
	t.Helper()
	var found []string
	document(t, page).Find("#events ol > li .event-sentence").Each(func(_ int, p *goquery.Selection) {
		found = append(found, strings.Join(strings.Fields(p.Text()), " "))
	})
	return found
}

func TestAuditLog(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		b.Post(listPath, url.Values{"form_id": {"one"}, "name": {"<b>CI</b>"}, "expiry": {"never"}})
		key := keysOf(t, s)[0]
		other, _ := s.NewWorkspace(t, "Globex", "gil@globex.test")
		s.NamedKey(t, other.ID, "Not ours")

		page := b.Get(logPath)
		got := sentences(t, page)
		page.Want(t, http.StatusOK)
		if len(got) != 4 {
			t.Fatalf("events = %q, want 4", got)
		}
		modelstest.Equal(t, "newest events", got[:2], []string{"Ada Admin created API key <b>CI</b>", "Ada Admin signed in"})
		if strings.Contains(page.Body, "Not ours") || strings.Contains(page.Body, "<b>CI</b>") {
			t.Error("the page shows another workspace or unescaped markup")
		}
		for query, want := range map[string]int{
			"?actor=" + s.Admin.ID: 2, "?actor=anonymous": 2, "?actor=operator": 0, "?action=api_key.created": 1, "?action=nonsense": 0,
			"?target=" + key.ID: 1, "?target=+ci": 1, "?target=%25": 0, "?from=2026-03-14": 4, "?from=2026-03-15": 0, "?to=2026-03-13": 0,
			"?from=2026-03-14&to=2026-03-14": 4, "?action=api_key.created&actor=" + s.Admin.ID + "&target=CI": 1,
		} {
			if got := b.Get(logPath + query); got.Status != http.StatusOK || len(sentences(t, got)) != want {
				t.Errorf("%s: status = %d, events = %q; want 200 and %d events", query, got.Status, sentences(t, got), want)
			}
		}
		for query, want := range map[string]string{
			"?from=soon": "The start date must be a valid date.", "?to=2026-02-30": "The end date must be a valid date.",
			"?from=2026-03-15&to=2026-03-14": "The end date can’t be before the start date.",
		} {
			got := b.Get(logPath + query)
			got.Want(t, http.StatusUnprocessableEntity, ">"+want+"<")
			modelstest.Equal(t, query+": events", len(sentences(t, got)), 0)
			if csv := b.Get(logPath + "/events.csv" + query); csv.Status != http.StatusUnprocessableEntity {
				t.Errorf("%s as CSV: status = %d, want 422", query, csv.Status)
			}
		}
		if got := b.Get(logPath + "?cursor=x"); got.Status != http.StatusUnprocessableEntity {
			t.Errorf("invalid cursor: status = %d, want 422", got.Status)
		}
		if got := b.Get(logPath + "?target=%ff"); got.Status >= 500 {
			t.Errorf("invalid UTF-8: status = %d, want less than 500", got.Status)
		}
	})
}

// TestAuditLogActors finds the events of each member of many by name.
func TestAuditLogActors(t *testing.T) {
	s := handlerstest.New(t)
	for i := range 250 {
		if _, err := s.Store.Store.AddMember(t.Context(), s.Workspace.ID, models.NewMember{Email: fmt.Sprintf("p%d@acme.test", i), Name: fmt.Sprintf("Person %03d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	people, err := s.Members(t.Context(), s.Workspace.ID, models.MemberFilter{Search: "p249@acme.test"}, models.Page{})
	if err != nil || len(people.Items) != 1 {
		t.Fatalf("members = %d, %v, want 1", len(people.Items), err)
	}
	last := people.Items[0]
	asLast := models.WithActor(t.Context(), models.Actor{Type: models.ActorMember, ID: last.ID, Name: last.DisplayName()})
	if _, _, err := s.CreateAPIKey(asLast, s.Workspace.ID, models.NewAPIKey{Name: "CI"}); err != nil {
		t.Fatal(err)
	}
	b := s.SignedIn(t, handlerstest.AdminEmail)
	for _, actor := range []string{"person+249", "P249@ACME.test", last.ID} {
		if got := sentences(t, b.Get(logPath+"?actor="+actor)); len(got) != 1 {
			t.Errorf("events of actor %s = %q, want 1", actor, got)
		}
	}
}

// TestAuditLogDates checks that dates are in the viewer's time zone.
func TestAuditLogDates(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail) // at 09:26 UTC
	for zone, day := range map[string]string{"Pacific/Kiritimati": "2026-03-14", "Pacific/Niue": "2026-03-13"} {
		if got := sentences(t, b.In(zone).Get(logPath+"?from="+day+"&to="+day)); len(got) == 0 {
			t.Errorf("%s: no events on %s", zone, day)
		}
	}
	s.Clock.Advance(time.Date(2026, 9, 6, 3, 30, 0, 0, time.UTC).Sub(s.Now())) // 23:30 on the day before one without a midnight
	key := s.NamedKey(t, s.Workspace.ID, "CI")
	b = s.SignedIn(t, handlerstest.AdminEmail).In("America/Santiago")
	for dates, want := range map[string]int{
		"&from=2026-09-05": 1, "&to=2026-09-05": 1, "&from=2026-09-05&to=2026-09-05": 1, "&from=2026-09-06": 0, "&to=2026-09-04": 0, "&from=2026-09-06&to=2026-09-06": 0,
	} {
		if got := len(sentences(t, b.Get(logPath+"?target="+key.ID+dates))); got != want {
			t.Errorf("events of 5 September with %s = %d, want %d", dates, got, want)
		}
	}
}

func TestAuditLogPaging(t *testing.T) {
	s := handlerstest.New(t)
	for i := range 120 {
		s.NamedKey(t, s.Workspace.ID, fmt.Sprintf("Robot %03d", i))
	}
	b := s.SignedIn(t, handlerstest.AdminEmail)
	seen, address := map[string]bool{}, logPath+"?action=api_key.created"
	for pages := 1; ; pages++ {
		page := b.Get(address)
		for _, sentence := range sentences(t, page) {
			seen[sentence] = true
		}
		older, more := document(t, page).Find("#older").Attr("href")
		if !more {
			modelstest.Equal(t, "pages", pages, 3)
			modelstest.Equal(t, "events", len(seen), 120)
			modelstest.Equal(t, "events on the first page", len(sentences(t, b.Get(logPath))), 50)
			return
		}
		address = older
	}
}

func TestAuditLogAsCSV(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		for _, name := range []string{`=HYPERLINK("http://evil.test")`, "+1", "-1", "@SUM(A1)", "plain, \"quoted\"\n"} {
			s.NamedKey(t, s.Workspace.ID, strings.TrimSpace(name))
		}
		for i := range 1500 {
			if i == models.DefaultMaxAPIKeys*3/4 { // deleted keys don't count
				s.Exec(t, "UPDATE api_keys SET deleted_at = created_at")
			}
			s.NamedKey(t, s.Workspace.ID, fmt.Sprintf("Robot %04d", i))
		}
		b := s.SignedIn(t, handlerstest.AdminEmail)
		got := b.Get(logPath + "/events.csv?action=api_key.created")
		got.Want(t, http.StatusOK)
		got.WantHeader(t, "Content-Type", "text/csv; charset=utf-8")
		got.WantHeader(t, "Content-Disposition", `attachment; filename="audit-log-2026-03-14.csv"`)
		got.WantHeader(t, "Cache-Control", "no-store")
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(got.Body, "\ufeff"))).ReadAll()
		if err != nil || len(rows) != 1+5+1500 {
			t.Fatalf("rows = %d (%v), want %d", len(rows), err, 1+5+1500)
		}
		column := map[string]int{}
		for i, name := range rows[0] {
			column[name] = i
		}
		names := map[string]bool{}
		for _, row := range rows[1:] {
			names[row[column["target"]]] = true
			for _, cell := range row {
				if strings.ContainsAny(cell[:min(1, len(cell))], "=+-@") {
					t.Errorf("cell would be evaluated as a formula: %s", cell)
				}
			}
		}
		for _, want := range []string{`'=HYPERLINK("http://evil.test")`, "'+1", "'-1", "'@SUM(A1)", `plain, "quoted"`, "Robot 1499"} {
			if !names[want] {
				t.Errorf("no row for %s", want)
			}
		}
		first := rows[1]
		modelstest.Equal(t, "event", first[column["event"]], "Unknown created API key Robot 1499")
		modelstest.Equal(t, "time", first[column["time"]], "2026-03-14T09:26:53.000Z")
		modelstest.Equal(t, "length of the hash", len(first[column["hash"]]), 64)
		if first[column["seq"]] == "0" {
			t.Error("the first row has no sequence number")
		}
	})
}

// TestHistoryAndLogUseTheSameSentences checks that they differ only in the name of the key.
func TestHistoryAndLogUseTheSameSentences(t *testing.T) {
	s := handlerstest.New(t)
	key := s.NamedKey(t, s.Workspace.ID, "CI")
	if _, err := s.ChangeAPIKeyAccess(t.Context(), s.Workspace.ID, key.ID, key.Access(), models.KeyAccess{ExpiresAt: new(s.Now().Add(time.Hour))}); err != nil {
		t.Fatal(err)
	}
	b := s.SignedIn(t, handlerstest.AdminEmail)
	if page := strings.Join(strings.Fields(document(t, b.Get(listPath+"/"+key.ID)).Find("section[aria-labelledby=history]").Text()), " "); !strings.Contains(page, "changed access for this key") {
		t.Errorf("history = %s", page)
	}
	if got := sentences(t, b.Get(logPath+"?target="+key.ID)); len(got) != 2 || !strings.HasSuffix(got[0], "changed access for API key CI") {
		t.Errorf("audit log = %q", got)
	}
}

// TestFailedSignInsPage shows failed sign-ins to the accounts of members.
func TestFailedSignInsPage(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	if page := document(t, b.Get(logPath+"/failed-sign-ins")); !strings.Contains(page.Find("main").Text(), "No failed sign-ins") {
		t.Errorf("page without failed sign-ins = %q", page.Find("main").Text())
	}
	for range 2 {
		if _, err := s.SignIn(t.Context(), "", models.Credentials{Email: handlerstest.AdminEmail, Password: "wrong"}); err == nil {
			t.Fatal("SignIn succeeded with a wrong password")
		}
	}
	page := document(t, b.Get(logPath+"/failed-sign-ins"))
	if got := strings.Join(strings.Fields(page.Find("main li").Text()), " "); !strings.Contains(got, "2 failed attempts for Ada") {
		t.Errorf("failed sign-ins = %q", got)
	}
	if link := page.Find("main li a").AttrOr("href", ""); b.Get(link).Status != http.StatusOK {
		t.Errorf("the link to the member, %q, is broken", link)
	}
}
