package dashboard_test

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

const bulkDeletePath = listPath + "/bulk-delete"

func TestBulkDelete(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		busy, another := s.Key(t), s.Key(t)
		idle, left := s.NamedKey(t, s.Workspace.ID, "Idle <1>"), s.NamedKey(t, s.Workspace.ID, "Left")
		for range 3 {
			s.Want(t, http.StatusOK, busy, "GET", "/me", "")
		}
		s.Want(t, http.StatusOK, another, "GET", "/me", "")
		s.Flush(t)
		chosen := url.Values{}
		for _, key := range keysOf(t, s) {
			if key.ID != left.ID {
				chosen.Add("key", key.ID)
			}
		}
		if boxes := document(t, b.Get(listPath)).Find(`input[name="key"][form="bulk"]`).Length(); boxes != 4 {
			t.Errorf("checkboxes in the list = %d, want 4", boxes)
		}
		preview := b.Get(bulkDeletePath + "?" + chosen.Encode())
		panel := document(t, preview).Find("#panel")
		for _, part := range []string{"Delete 3 keys?", "Idle <1>", "Test key", "GET /me", "127.0.0.1", "2 keys are in use"} {
			if !strings.Contains(panel.Text(), part) {
				t.Errorf("confirmation page lacks %q", part)
			}
		}
		for _, number := range []string{"", "2", "three"} {
			form := url.Values{"key": chosen["key"], "confirm_number": {number}}
			rejected := b.Post(bulkDeletePath, form)
			rejected.Want(t, http.StatusUnprocessableEntity)
			modelstest.Equal(t, "number entered", document(t, rejected).Find(`input[name="confirm_number"]`).AttrOr("value", ""), number)
			modelstest.Equal(t, "keys", len(keysOf(t, s)), 4)
		}
		gone := b.Post(bulkDeletePath, url.Values{"key": chosen["key"], "confirm_number": {"3"}})
		if gone.Status != http.StatusSeeOther {
			t.Fatalf("delete: status = %d\n%s", gone.Status, gone.Body)
		}
		receipts := b.Get(gone.Header.Get("Location"))
		receipts.Want(t, http.StatusOK, "GET /me")
		modelstest.Equal(t, "receipts", strings.Count(document(t, receipts).Find("#panel").Text(), "Rejected everywhere after "), 3)
		if got := s.Call(t, busy, "GET", "/me", ""); got.Status != http.StatusUnauthorized {
			t.Errorf("request with a deleted key: status = %d, want 401", got.Status)
		}
		if keys := keysOf(t, s); len(keys) != 1 || keys[0].ID != left.ID {
			t.Errorf("remaining keys = %+v", keys)
		}
		b.Post(bulkDeletePath, url.Values{"key": {idle.ID, left.ID}}).Want(t, http.StatusUnprocessableEntity, "No keys were deleted")
		modelstest.Equal(t, "keys", len(keysOf(t, s)), 1)
		if text := document(t, b.Get(bulkDeletePath+"?"+chosen.Encode()+"&key="+left.ID)).Find("#panel").Text(); !strings.Contains(text, "3 of the selected keys were already deleted.") {
			t.Errorf("confirmation page with deleted keys = %q", text)
		}
		for address, status := range map[string]int{
			bulkDeletePath: http.StatusUnprocessableEntity, bulkDeletePath + "?key=" + idle.ID: http.StatusNotFound, bulkDeletePath + "?key=key_1": http.StatusNotFound,
			listPath + "/receipts?key=" + left.ID: http.StatusNotFound, listPath + "/receipts": http.StatusUnprocessableEntity,
		} {
			if got := b.Get(address); got.Status != status {
				t.Errorf("%s: %d, want %d", address, got.Status, status)
			}
		}
	})
}

// TestBulkDeleteKeepsRotationsInUse checks that the page links to them.
func TestBulkDeleteKeepsRotationsInUse(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		old, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "CI <robot>"})
		if err != nil {
			t.Fatal(err)
		}
		idle := s.NamedKey(t, s.Workspace.ID, "Idle")
		if _, _, err := s.RotateAPIKey(t.Context(), s.Workspace.ID, old.ID, models.NewReplacement{}); err != nil {
			t.Fatal(err)
		}
		s.Want(t, http.StatusOK, secret.Reveal(), "GET", "/me", "")
		s.Flush(t)
		b := s.SignedIn(t, handlerstest.AdminEmail)
		chosen := url.Values{"key": {old.ID, idle.ID}}
		preview := func(response handlerstest.Response, status int, keys []string) {
			t.Helper()
			panel := document(t, response).Find("#panel")
			left := panel.Find(`input[name="key"]`).Map(func(_ int, input *goquery.Selection) string { return input.AttrOr("value", "") })
			response.Want(t, status)
			modelstest.Equal(t, "link", panel.Find(`a[href$="`+listPath+"/"+old.ID+`/rotation"]`).Text(), "Rotation of CI <robot>")
			if !slices.Equal(left, keys) {
				t.Errorf("keys = %q, want %q", left, keys)
			}
			modelstest.Equal(t, "buttons", panel.Find("footer button").Length(), len(keys))
		}
		preview(b.Get(bulkDeletePath+"?"+chosen.Encode()), http.StatusOK, []string{idle.ID})
		preview(b.Get(bulkDeletePath+"?key="+old.ID), http.StatusOK, nil)
		chosen.Set("confirm_number", "2")
		refused := b.Post(bulkDeletePath, chosen)
		preview(refused, http.StatusUnprocessableEntity, []string{idle.ID})
		if !strings.Contains(refused.Body, old.KeyPrefix+" is in use and being rotated.") || len(keysOf(t, s)) != 3 {
			t.Errorf("keys = %d, want 3; page = %s", len(keysOf(t, s)), document(t, refused).Find("#panel").Text())
		}
		if gone := b.Post(bulkDeletePath, url.Values{"key": {idle.ID}}); gone.Status != http.StatusSeeOther || len(keysOf(t, s)) != 2 {
			t.Errorf("delete without the rotating key: status = %d, keys = %d; want 303 and 2", gone.Status, len(keysOf(t, s)))
		}
	})
}

// TestBulkDeleteOfAFinding deletes more keys than the list shows on a page.
func TestBulkDeleteOfAFinding(t *testing.T) {
	s := handlerstest.New(t)
	for range models.MaxSelectedKeys + 1 {
		s.NamedKey(t, s.Workspace.ID, "Unused")
	}
	s.Clock.Advance(30 * 24 * time.Hour)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	leads := document(t, b.Get(listPath+"?review=unused&page=2")).Find("#keys h2 + div a").First()
	if label := strings.Join(strings.Fields(leads.Text()), " "); label != "Delete first 200…" {
		t.Errorf("link = %q", label)
	}
	panel := document(t, b.Get(leads.AttrOr("href", ""))).Find("#panel")
	if keys := panel.Find(`input[name="key"]`).Length(); keys != models.MaxSelectedKeys || panel.Find("h1").Text() != "Delete 200 keys?" {
		t.Errorf("keys = %d, want %d; title = %s", keys, models.MaxSelectedKeys, panel.Find("h1").Text())
	}
}

func TestReviewCountsMatchTheLists(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		text := s.Key(t)
		for range 2 {
			s.NamedKey(t, s.Workspace.ID, "Unused")
		}
		if nothing := document(t, b.Get(listPath+"/review")).Find("#review").Text(); !strings.Contains(nothing, "Nothing to review") {
			t.Errorf("review of new keys = %q", nothing)
		}
		s.Want(t, http.StatusOK, text, "GET", "/me", "")
		s.Flush(t)
		s.Clock.Advance(30 * 24 * time.Hour)
		b = s.SignedIn(t, handlerstest.AdminEmail)
		used := keysOf(t, s)[2]
		if _, err := s.DeleteAPIKey(t.Context(), s.Workspace.ID, used.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		s.Want(t, http.StatusUnauthorized, text, "GET", "/me", "")
		s.Flush(t)
		review := document(t, b.Get(listPath+"/review")).Find("#review")
		if current := document(t, b.Get(listPath+"/review?review=unused")).Find("#review [aria-current]"); !strings.HasSuffix(current.AttrOr("href", ""), listPath+"?review=unused") {
			t.Errorf("current finding = %q, want unused", current.Text())
		}
		for word, want := range map[string]struct {
			keys  int
			links string // to what is done about it
			says  string
		}{
			"unused":     {2, "/delete", "Never used since it was created"},
			"still_used": {1, used.ID, "1 request rejected in the last 30 days"},
		} {
			href := listPath + "?review=" + word
			line := review.Find(`a[href$="` + href + `"]`)
			if got := line.Find("b").Text(); got != strconv.Itoa(want.keys) {
				t.Errorf("%s: count = %q, want %d", word, got, want.keys)
			}
			rows := document(t, b.Get(href)).Find("#keys tbody tr")
			action, _ := rows.First().Find("[data-evidence] .link").Attr("href")
			modelstest.Equal(t, word+": rows", rows.Length(), want.keys)
			modelstest.Contains(t, word+": row", rows.First().Text(), want.says)
			modelstest.Contains(t, word+": link", action, want.links)
		}
		if page := document(t, b.Get(bulkDeletePath+"?review=unused")); page.Find(`#panel input[name="key"]`).Length() != 2 {
			t.Error("confirmation page doesn't list both unused keys")
		}
		if page := b.Get(listPath + "?review=dull"); page.Status != http.StatusOK || document(t, page).Find("#keys tbody tr").Length() != 2 {
			t.Errorf("unknown finding: status = %d, want 200 and all keys", page.Status)
		}
	})
}
