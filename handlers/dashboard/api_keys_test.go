package dashboard_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

const listPath = "/settings/api-keys"

var keyText = regexp.MustCompile(`sk_live_[0-9A-Za-z]{36}`)

func keysOf(t *testing.T, s *handlerstest.Server) []models.APIKey {
	t.Helper()
	list, err := s.APIKeys(context.Background(), s.Workspace.ID, models.APIKeyFilter{PageNumber: 1, PageSize: 100})
	if err != nil {
		t.Fatal(err)
	}
	return list.Keys
}

func document(t *testing.T, response handlerstest.Response) *goquery.Document {
	t.Helper()
	page, err := goquery.NewDocumentFromReader(strings.NewReader(response.Body))
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// notice returns the message on the page that a response redirects to.
func notice(t *testing.T, b *handlerstest.Browser, done handlerstest.Response) string {
	t.Helper()
	return document(t, b.Get(done.Header.Get("Location"))).Find("#toasts [role=status]").Text()
}

// formID returns the ID of an empty form.
func formID(t *testing.T, b *handlerstest.Browser) string {
	t.Helper()
	id, _ := document(t, b.Get(listPath+"/new")).Find(`input[name="form_id"]`).Attr("value")
	if id == "" {
		t.Fatal("form has no form_id")
	}
	return id
}

func TestAPIKeyLifecycle(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		form := url.Values{"form_id": {formID(t, b)}, "name": {"CI <robot>"}, "scopes": {"members.read", "seats.write"}, "expiry": {"90"}}
		created := b.Post(listPath, form)
		if created.Status != http.StatusCreated || created.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("create: status = %d, Cache-Control = %q; want 201 and no-store", created.Status, created.Header.Get("Cache-Control"))
		}
		text := keyText.FindString(created.Body)
		if me := s.Call(t, text, "GET", "/me", ""); me.Status != http.StatusOK || !strings.Contains(me.Body, `"scopes":["members.read","seats.write"]`) {
			t.Fatalf("request with the new key: status = %d\n%s", me.Status, me.Body)
		}

		again := b.Post(listPath, form)
		if keyText.MatchString(again.Body) || again.Status != http.StatusOK {
			t.Errorf("second submission: status = %d, want 200 without the key", again.Status)
		}
		keys := keysOf(t, s)
		if len(keys) != 1 {
			t.Fatalf("keys = %+v, want one", keys)
		}
		modelstest.Equal(t, "Name", keys[0].Name, "CI <robot>")
		modelstest.Equal(t, "ExpiresAt", keys[0].ExpiresAt, new(s.Now().Add(90*24*time.Hour)))
		detail := listPath + "/" + keys[0].ID
		for _, path := range []string{listPath, detail, detail + "/delete"} {
			page := b.Get(path)
			page.Want(t, http.StatusOK, "CI &lt;robot&gt;")
			page.WantWithout(t, text)
		}

		s.Flush(t)
		wrong := b.Post(detail+"/delete", url.Values{"confirm_name": {"ci <robot>"}})
		if wrong.Status != http.StatusUnprocessableEntity || keysOf(t, s)[0].DeletedAt != nil {
			t.Errorf("delete a key in use without its name: status = %d, want 422", wrong.Status)
		}
		gone := b.Post(detail+"/delete", url.Values{"confirm_name": {"CI <robot>"}})
		if gone.Status != http.StatusSeeOther || gone.Location() != listPath {
			t.Errorf("delete: status = %d, Location = %q; want 303 to the list", gone.Status, gone.Header.Get("Location"))
		}
		if me := s.Call(t, text, "GET", "/me", ""); me.Status != http.StatusUnauthorized {
			t.Errorf("request with the deleted key: status = %d, want 401", me.Status)
		}
		first, second := b.Get(listPath).Body, b.Get(listPath).Body
		if !strings.Contains(first, "Rejected everywhere") || strings.Contains(second, "Rejected everywhere") {
			t.Error("notice of the deletion is not shown exactly once")
		}
		if page := b.Get(listPath + "?status=deleted"); !strings.Contains(page.Body, "CI &lt;robot&gt;") {
			t.Error("list of deleted keys lacks the key")
		}
		if page := b.Get(detail); page.Status != http.StatusOK || document(t, page).Find(`form[action$="`+detail+`"]`).Length() != 0 {
			t.Errorf("page of the deleted key: status = %d, want 200 without a form", page.Status)
		}
		b.Get(detail).Want(t, http.StatusOK, "Deletion receipt", "GET /me", "None")
		if page := b.Get(detail + "/delete"); page.Status != http.StatusConflict {
			t.Errorf("delete again: status = %d, want 409", page.Status)
		}
	})
}

func TestConcurrentSubmissionsCreateOneKey(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		form := url.Values{"form_id": {formID(t, b)}, "name": {"CI"}, "expiry": {"never"}}
		var wg sync.WaitGroup
		answers := make([]handlerstest.Response, 16)
		for i := range answers {
			wg.Go(func() { answers[i] = b.Post(listPath, form) })
		}
		wg.Wait()
		shown := 0
		for _, response := range answers {
			if keyText.MatchString(response.Body) {
				shown++
			}
			if response.Status != http.StatusCreated && response.Status != http.StatusOK {
				t.Errorf("status = %d, want 201 or 200\n%s", response.Status, response.Body)
			}
		}
		if keys := keysOf(t, s); len(keys) != 1 || shown != 1 {
			t.Errorf("keys created = %d, shown = %d; want 1 and 1", len(keys), shown)
		}
	})
}

func TestCreateRejectsInvalidFields(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	tests := []struct {
		name   string
		form   url.Values
		fields []string // names of the inputs that are marked
	}{
		{"no name", url.Values{"expiry": {"30"}}, []string{"name"}},
		{"long name", url.Values{"name": {strings.Repeat("x", 101)}, "expiry": {"30"}}, []string{"name"}},
		{"no such choice", url.Values{"name": {"CI"}, "expiry": {"31.5"}}, []string{"expiry"}},
		{"no date", url.Values{"name": {"CI"}, "expiry": {"date"}}, []string{"expiry"}},
		{"a date that has passed", url.Values{"name": {"CI"}, "expiry": {"date"}, "expiry_date": {"2026-03-13"}}, []string{"expiry"}},
		{"no such day", url.Values{"name": {"CI"}, "expiry": {"date"}, "expiry_date": {"2026-02-30"}}, []string{"expiry"}},
		{"no such scope", url.Values{"name": {"CI"}, "expiry": {"30"}, "scopes": {"members.read", "everything"}}, []string{"scopes"}},
		{"all of it", url.Values{"name": {" "}, "expiry": {""}, "scopes": {"x"}}, []string{"name", "expiry", "scopes"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.form.Set("form_id", formID(t, b))
			response := b.Post(listPath, tt.form)
			page := document(t, response)
			if response.Status != http.StatusUnprocessableEntity {
				t.Fatalf("status = %d, want 422", response.Status)
			}
			if got, _ := page.Find(`input[name="name"]`).Attr("value"); got != tt.form.Get("name") {
				t.Errorf("name in the form = %q, want %q", got, tt.form.Get("name"))
			}
			for _, field := range tt.fields {
				if message := errorOf(page, field); message == "" {
					t.Errorf("field %s has no error", field)
				}
			}
		})
	}
	if keys := keysOf(t, s); len(keys) != 0 {
		t.Errorf("keys = %+v, want none", keys)
	}
}

// errorOf returns the error that describes the input with a name, or the group it is in.
func errorOf(page *goquery.Document, name string) string {
	input := page.Find(`[name="` + name + `"]`)
	described := input.AddSelection(input.Closest("fieldset")).Filter(`[aria-describedby*="error"]`)
	var text string
	for _, id := range strings.Fields(described.AttrOr("aria-describedby", "")) {
		if strings.HasSuffix(id, "error") {
			text += strings.TrimSpace(page.Find("#" + id).Text())
		}
	}
	return text
}

func TestPresets(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	model, _, err := s.CreateAPIKey(context.Background(), s.Workspace.ID,
		models.NewAPIKey{Name: "Model", Scopes: scope.Of(scope.SeatsRead, scope.WebhooksWrite)})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		preset, from string
		status       int
		scopes       []string
	}{
		{"read_only", "", 200, scope.Builtin.Names(scope.ReadOnly)},
		{"everything", "", 200, scope.Builtin.Names(scope.All)},
		{"none", "", 200, nil},
		{"", model.ID, 200, []string{"webhooks.write", "seats.read"}},
		{"", "key_none", 422, []string{"members.read"}},
	}
	for _, tt := range tests {
		response := b.Post(listPath+"/new", url.Values{"preset": {tt.preset}, "copy_from": {tt.from}, "name": {"Typed"},
			"scopes": {"members.read"}, "expiry": {"365"}, "form_id": {"kept"}})
		page := document(t, response)
		var checked []string
		page.Find(`input[name="scopes"][checked]`).Each(func(_ int, box *goquery.Selection) {
			checked = append(checked, box.AttrOr("value", ""))
		})
		if response.Status != tt.status || fmt.Sprint(checked) != fmt.Sprint(tt.scopes) {
			t.Errorf("%s: %d, checked %v, want %v", tt.preset, response.Status, checked, tt.scopes)
		}
		for selector, want := range map[string]string{`input[name="name"]`: "Typed", `input[name="form_id"]`: "kept", `input[name="expiry"][checked]`: "365"} {
			if got := page.Find(selector).AttrOr("value", ""); got != want {
				t.Errorf("%s: value of %s = %q, want %q", tt.preset, selector, got, want)
			}
		}
	}
	if keys := keysOf(t, s); len(keys) != 1 {
		t.Errorf("keys = %d, want 1", len(keys))
	}
}

// TestCopyFromAnyKey finds a key among more than the form shows, and keeps what was entered.
func TestCopyFromAnyKey(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	for n := range 250 {
		if _, _, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: fmt.Sprintf("Robot %03d", n), Scopes: scope.Of(scope.SeatsRead)}); err != nil {
			t.Fatal(err)
		}
	}
	page := document(t, b.Get(listPath+"/new"))
	if got := page.Find(`button[name="copy_from"]`).Length(); got != 5 {
		t.Errorf("keys to copy from = %d, want %d", got, 5)
	}
	if !strings.Contains(page.Text(), "And 245 more. Search to find them.") {
		t.Error("the form doesn't say how many more keys there are")
	}
	typed := url.Values{"name": {"Typed"}, "scopes": {"members.read"}, "expiry": {"365"}, "form_id": {"kept"}, "copy_search": {" robot 249 "}}
	for _, path := range []string{"/new", ""} { // the button, and Enter in the field
		typed.Set("preset", map[string]string{"/new": "search"}[path])
		response := b.Post(listPath+path, typed)
		if response.Status != http.StatusOK {
			t.Errorf("status of a search = %d, want 200", response.Status)
		}
		page = document(t, response)
		if got := page.Find(`button[name="copy_from"]`).AttrOr("aria-label", ""); !strings.Contains(got, "Robot 249") {
			t.Errorf("found %q, want Robot 249", got)
		}
		if got := page.Find(`input[name="name"]`).AttrOr("value", ""); got != "Typed" {
			t.Errorf("name = %q, want Typed", got)
		}
		if got := page.Find(`input[name="scopes"][checked]`).AttrOr("value", ""); got != "members.read" {
			t.Errorf("scopes = %q, want members.read", got)
		}
	}
	typed.Set("copy_from", page.Find(`button[name="copy_from"]`).AttrOr("value", ""))
	if got := document(t, b.Post(listPath+"/new", typed)).Find(`input[name="scopes"][checked]`).AttrOr("value", ""); got != "seats.read" {
		t.Errorf("scopes after copying = %q, want seats.read", got)
	}
}

func TestExpiryDateEndsInTheViewersZone(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	for _, tt := range []struct{ zone, date, want string }{
		{"Pacific/Auckland", "2026-12-31", "2026-12-31T11:00:00Z"}, {"America/New_York", "2026-12-31", "2027-01-01T05:00:00Z"},
		{"No/Such", "2026-12-31", "2027-01-01T00:00:00Z"}, {"Local", "2026-12-31", "2027-01-01T00:00:00Z"},
		{"America/Santiago", "2026-09-05", "2026-09-06T04:00:00Z"}, {"America/Santiago", "2026-09-06", "2026-09-07T03:00:00Z"}, // no midnight between them
		{"Australia/Lord_Howe", "2026-10-03", "2026-10-03T13:30:00Z"}, {"Australia/Lord_Howe", "2026-10-04", "2026-10-04T13:00:00Z"},
		{"Europe/Berlin", "2026-10-24", "2026-10-24T22:00:00Z"}, {"Europe/Berlin", "2026-10-25", "2026-10-25T23:00:00Z"},
	} {
		b.In(tt.zone).Post(listPath, url.Values{"form_id": {formID(t, b)}, "name": {tt.zone}, "expiry": {"date"}, "expiry_date": {tt.date}})
		if got := keysOf(t, s)[0].ExpiresAt.UTC().Format(time.RFC3339); got != tt.want {
			t.Errorf("key with the last day %s in %s expires at %s, want %s", tt.date, tt.zone, got, tt.want)
		}
	}
}

func TestRename(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	key := s.NamedKey(t, s.Workspace.ID, "Before")
	path := listPath + "/" + key.ID
	if got := b.Post(path, url.Values{"name": {""}}); got.Status != http.StatusUnprocessableEntity || keysOf(t, s)[0].Name != "Before" {
		t.Errorf("rename to an empty name: status = %d, want 422", got.Status)
	}
	if got := b.Post(path, url.Values{"name": {"After"}}); got.Status != http.StatusSeeOther || keysOf(t, s)[0].Name != "After" {
		t.Errorf("rename: status = %d, want 303", got.Status)
	}
	if page := b.Get(path).Body; !strings.Contains(page, "Before") {
		t.Error("history lacks the old name")
	}
}

func TestDescription(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		create := func(description string) handlerstest.Response {
			return b.Post(listPath, url.Values{"form_id": {formID(t, b)}, "name": {"CI"}, "description": {description}, "expiry": {"never"}})
		}
		if got := create(strings.Repeat("x", 501)).Status; got != http.StatusUnprocessableEntity {
			t.Errorf("status of a long description = %d, want %d", got, http.StatusUnprocessableEntity)
		}
		if got := create("Runs <nightly>").Status; got != http.StatusCreated {
			t.Fatalf("status = %d, want %d", got, http.StatusCreated)
		}
		key := keysOf(t, s)[0]
		for query, want := range map[string]int{"NIGHTLY": 1, "weekly": 0} {
			if got := document(t, b.Get(listPath+"?q="+query)).Find("#keys tbody tr").Length(); got != want {
				t.Errorf("a search for %q finds %d keys, want %d", query, got, want)
			}
		}
		if got := b.Post(listPath+"/"+key.ID, url.Values{"name": {"CI"}, "description": {"Runs weekly"}}).Status; got != http.StatusSeeOther {
			t.Errorf("status of the edit = %d, want %d", got, http.StatusSeeOther)
		}
		if got := keysOf(t, s)[0].Description; got != "Runs weekly" {
			t.Errorf("description = %q, want %q", got, "Runs weekly")
		}
		events, err := s.AuditEventsOf(t.Context(), s.Workspace.ID, key.ID, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := events[0].Action; got != "api_key.description_changed" {
			t.Errorf("latest event = %s, want api_key.description_changed", got)
		}
		next, _, err := s.RotateAPIKey(t.Context(), s.Workspace.ID, key.ID, models.NewReplacement{})
		if err != nil {
			t.Fatal(err)
		}
		if next.Description != "Runs weekly" {
			t.Errorf("description of the replacement = %q, want %q", next.Description, "Runs weekly")
		}
	})
}

func TestListPagesAndFilters(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		for i := range 120 {
			s.NamedKey(t, s.Workspace.ID, fmt.Sprintf("Robot %03d", i))
		}
		b := s.SignedIn(t, handlerstest.AdminEmail)
		rows := func(query string) int {
			page := b.Get(listPath + query)
			if page.Status != http.StatusOK {
				t.Fatalf("%s: status = %d, Location = %s", query, page.Status, page.Header.Get("Location"))
			}
			return strings.Count(page.Body, "sk_live_") - strings.Count(page.Body, "Bearer sk_live_")
		}
		for query, want := range map[string]int{
			"": 50, "?page=3": 20, "?q=robot+00": 10, "?q=ROBOT+119": 1, "?q=%25": 0, "?status=deleted": 0, "?status=nonsense": 0, "?scope=members.read": 0,
			"?sort=nonsense&order=sideways": 50,
		} {
			if got := rows(query); got != want {
				t.Errorf("%q shows %d keys, want %d", query, got, want)
			}
		}
		if past := b.Get(listPath + "?page=99"); past.Location() != listPath+"?page=3" {
			t.Errorf("page past the end: status = %d, Location = %s", past.Status, past.Header.Get("Location"))
		}
		for _, query := range []string{"?page=-1", "?page=0"} {
			if got := rows(query); got != 50 {
				t.Errorf("%s: rows = %d, want 50", query, got)
			}
		}
		for query, status := range map[string]int{"?page=x": 400, "?q=%ff": 422, "?q=%00": 422, "?q=%zz": 400} {
			if got := b.Get(listPath + query); got.Status != status {
				t.Errorf("%s: %d, want %d", query, got.Status, status)
			}
		}
	})
}

func TestPagesShowHowLongAChangeTakes(t *testing.T) {
	s := handlerstest.New(t)
	r := newRotation(t, s)
	r.rotate(nil)
	s.Exec(t, "UPDATE revocation SET wait_ms = 3000")
	other := listPath + "/" + s.NamedKey(t, s.Workspace.ID, "Other").ID
	for _, page := range []string{
		r.path + "/finish", r.path + "/cancel", other + "/delete", other + "/pause", bulkDeletePath + "?key=" + r.old.ID, other + "/access",
	} {
		const says = "If it doesn’t answer, this takes about 4 seconds."
		if body := r.b.Get(page).Body; !strings.Contains(body, says) {
			t.Errorf("%s lacks %q", page, says)
		}
	}
}

// TestDuplicateKey checks that the form for a new key has the values of another.
func TestDuplicateKey(t *testing.T) {
	s := handlerstest.New(t)
	expires := s.Now().Add(45 * 24 * time.Hour)
	key, _, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{
		Name: "CI", Description: "Ask Grace", Scopes: scope.Of(scope.SeatsRead, scope.MembersRead), ExpiresAt: &expires,
		RateLimit: 90, Allowlist: models.Allowlist{Mode: models.AllowlistEnforce, Networks: "203.0.113.0/24 2001:db8::/32"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(24 * time.Hour)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	form := document(t, b.Get(listPath+"/new?from="+key.ID)).Find("#panel form")
	modelstest.Equal(t, "name", form.Find("#field-name").AttrOr("value", ""), "CI (copy)")
	modelstest.Equal(t, "description", form.Find("#field-description").Text(), "Ask Grace")
	modelstest.Equal(t, "scopes", form.Find("input[name=scopes][checked]").Length(), 2)
	modelstest.Equal(t, "expiry", form.Find("input[name=expiry][checked]").AttrOr("value", ""), "date")
	modelstest.Equal(t, "date", form.Find("#expiry-date").AttrOr("value", ""), s.Now().AddDate(0, 0, 45).Format(time.DateOnly))
	modelstest.Equal(t, "rate limit", form.Find("#field-rate_limit").AttrOr("value", ""), "90")
	modelstest.Equal(t, "mode of the allowlist", form.Find("input[name=allowlist_mode][checked]").AttrOr("value", ""), "enforce")
	modelstest.Equal(t, "allowlist", form.Find("textarea[name=allowlist_addresses]").Text(), "203.0.113.0/24\n2001:db8::/32")
	other, _ := s.NewWorkspace(t, "Globex", "gil@globex.test")
	b.Get(listPath+"/new?from="+s.NamedKey(t, other.ID, "Theirs").ID).Want(t, http.StatusNotFound)
}
