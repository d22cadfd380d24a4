package dashboard_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
)

const seatsPath = "/settings/seats"

func usageOf(t *testing.T, s *handlerstest.Server) models.SeatUsage {
	t.Helper()
	usage, err := s.SeatUsage(context.Background(), s.Workspace.ID)
	if err != nil {
		t.Fatal(err)
	}
	return usage
}

// TestSeats searches for a member, assigns a seat, and releases it.
func TestSeats(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		mel := s.AddMember(t, s.Workspace, "mel@acme.test")
		b := s.SignedIn(t, handlerstest.AdminEmail)
		if found := names(document(t, b.Get(seatsPath+"/new?q=MEL%40")), "#candidates label .text-xs"); found != "mel@acme.test" {
			t.Errorf("candidates = %q, want %q", found, "mel@acme.test")
		}
		if answer := b.Post(seatsPath, url.Values{"member_id": {mel.ID}}); answer.Status != http.StatusSeeOther {
			t.Fatalf("assign: status = %d, want 303\n%s", answer.Status, answer.Body)
		}
		page := document(t, b.Get(seatsPath))
		if got, want := page.Find("svg.seat-bar").AttrOr("aria-label", ""), "1 of 10 seats in use"; got != want {
			t.Errorf("label of the bar = %q, want %q", got, want)
		}
		if got := page.Find("svg.seat-bar rect[data-used]").Length(); got != 1 {
			t.Errorf("used seats in the bar = %d, want 1", got)
		}
		if got, want := b.Get(seatsPath+"?page=9&q=mel").Location(), seatsPath+"?q=mel"; got != want {
			t.Errorf("page after the last redirects to %q, want %q", got, want)
		}
		if got := page.Find("#seats tbody tr").Length(); got != 1 {
			t.Errorf("listed seats = %d, want 1", got)
		}
		if strings.Contains(b.Get(seatsPath+"/new").Body, "mel@acme.test") {
			t.Error("a member with a seat is a candidate for another")
		}
		asked := document(t, b.Get(page.Find(`#seats a[href$="/release"]`).AttrOr("href", ""))).Find("#panel")
		if want := "mel@acme.test"; !strings.Contains(asked.Text(), want) {
			t.Errorf("confirmation page doesn't contain %q", want)
		}
		if got := usageOf(t, s).Used; got != 1 {
			t.Errorf("seats in use before confirmation = %d, want 1", got)
		}
		release := asked.Find("form").AttrOr("action", "")
		for range 2 { // releasing again is not an error
			if got := b.Post(release, nil).Status; got != http.StatusSeeOther {
				t.Errorf("release: status = %d, want 303", got)
			}
			if got := usageOf(t, s).Used; got != 0 {
				t.Errorf("seats in use after release = %d, want 0", got)
			}
		}
	})
}

// TestSeatErrors checks that errors are shown in the form and change nothing.
func TestSeatErrors(t *testing.T) {
	s := handlerstest.New(t)
	mel := s.AddMember(t, s.Workspace, "mel@acme.test")
	b := s.SignedIn(t, handlerstest.AdminEmail)
	capacity := func(value string) handlerstest.Response {
		return b.Post(seatsPath+"/capacity", url.Values{"capacity": {value}})
	}
	none := b.Post(seatsPath, nil)
	if none.Status != http.StatusUnprocessableEntity {
		t.Errorf("no member selected: status = %d, want 422", none.Status)
	}
	if want := "Select a member."; !strings.Contains(none.Body, want) {
		t.Errorf("no member selected: page does not contain %q", want)
	}
	for _, value := range []string{"", "-1", "ten", "1e3", "100001", "99999999999999999999"} {
		answer := capacity(value)
		page := document(t, answer)
		if answer.Status != http.StatusUnprocessableEntity {
			t.Errorf("capacity %q: status = %d, want 422", value, answer.Status)
		}
		if errorOf(page, "capacity") == "" {
			t.Errorf("capacity %q: no error at the field", value)
		}
		if got := page.Find(`input[name="capacity"]`).AttrOr("value", ""); got != value {
			t.Errorf("capacity %q: field = %q", value, got)
		}
	}
	if got, want := usageOf(t, s), (models.SeatUsage{Capacity: models.DefaultSeatCapacity}); got != want {
		t.Errorf("seats = %+v, want %+v", got, want)
	}

	if answer := capacity(" 1 "); answer.Status != http.StatusSeeOther {
		t.Fatalf("capacity 1: status = %d, want 303", answer.Status)
	}
	b.Post(seatsPath, url.Values{"member_id": {mel.ID}})
	wantAlert(t, b.Post(seatsPath, url.Values{"member_id": {mel.ID}}), "This member already has a seat.")
	full := b.Post(seatsPath, url.Values{"member_id": {s.Admin.ID}})
	wantAlert(t, full, "The only seat is in use")
	if chosen := document(t, full).Find(`input[name="member_id"][checked]`).AttrOr("value", ""); chosen != s.Admin.ID {
		t.Errorf("selected member = %q, want %q", chosen, s.Admin.ID)
	}
	wantAlert(t, capacity("0"), "1 seat is in use. Release seats before you reduce the total to 0")
	if got, want := usageOf(t, s), (models.SeatUsage{Capacity: 1, Used: 1}); got != want {
		t.Errorf("seats = %+v, want %+v", got, want)
	}
	if want := "All seats are in use."; !strings.Contains(b.Get(seatsPath).Body, want) {
		t.Errorf("page does not contain %q", want)
	}
}
