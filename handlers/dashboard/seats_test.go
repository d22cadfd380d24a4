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

// TestSeats: one is assigned to somebody who is searched for, shown, and released.
func TestSeats(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		mel := s.AddMember(t, s.Workspace, "mel@acme.test")
		b := s.SignedIn(t, handlerstest.AdminEmail)
		if found := names(document(t, b.Get(seatsPath+"/new?q=MEL%40")), "#candidates label .text-xs"); found != "mel@acme.test" {
			t.Errorf("the search offers %q", found)
		}
		if answer := b.Post(seatsPath, url.Values{"member_id": {mel.ID}}); answer.Status != http.StatusSeeOther {
			t.Fatalf("assign: %d\n%s", answer.Status, answer.Body)
		}
		page := document(t, b.Get(seatsPath))
		if label := page.Find("svg.seat-bar").AttrOr("aria-label", ""); label != "1 of 10 seats taken" || page.Find("svg.seat-bar rect[data-taken]").Length() != 1 {
			t.Errorf("the picture says %q", label)
		}
		if past := b.Get(seatsPath + "?page=9&q=mel"); past.Header.Get("Location") != seatsPath+"?q=mel" {
			t.Errorf("past the end: %d %s", past.Status, past.Header.Get("Location"))
		}
		if page.Find("#seats tbody tr").Length() != 1 || strings.Contains(b.Get(seatsPath+"/new").Body, "mel@acme.test") {
			t.Error("the seat is not listed, or its holder is offered another")
		}
		release := page.Find("#seats form").AttrOr("action", "")
		for range 2 { // the second time it is free already
			if answer := b.Post(release, nil); answer.Status != http.StatusSeeOther || usageOf(t, s).Used != 0 {
				t.Errorf("release: %d", answer.Status)
			}
		}
	})
}

// TestSeatRefusals are shown in place, and change nothing.
func TestSeatRefusals(t *testing.T) {
	s := handlerstest.New(t)
	mel := s.AddMember(t, s.Workspace, "mel@acme.test")
	b := s.SignedIn(t, handlerstest.AdminEmail)
	capacity := func(value string) handlerstest.Answer {
		return b.Post(seatsPath+"/capacity", url.Values{"capacity": {value}})
	}
	if none := b.Post(seatsPath, nil); none.Status != http.StatusUnprocessableEntity || !strings.Contains(none.Body, "Choose a member of the list.") {
		t.Errorf("nobody chosen: %d", none.Status)
	}
	for _, value := range []string{"", "-1", "ten", "1e3", "100001", "99999999999999999999"} {
		answer := capacity(value)
		page := document(t, answer)
		if answer.Status != http.StatusUnprocessableEntity || complaintAbout(page, "capacity") == "" || page.Find(`input[name="capacity"]`).AttrOr("value", "") != value {
			t.Errorf("capacity %q: %d", value, answer.Status)
		}
	}
	if usage := usageOf(t, s); usage != (models.SeatUsage{Capacity: models.DefaultSeatCapacity}) {
		t.Errorf("%+v", usage)
	}

	if answer := capacity(" 1 "); answer.Status != http.StatusSeeOther {
		t.Fatalf("capacity 1: %d", answer.Status)
	}
	b.Post(seatsPath, url.Values{"member_id": {mel.ID}})
	wantRefused(t, b.Post(seatsPath, url.Values{"member_id": {mel.ID}}), "This member has a seat already.")
	full := b.Post(seatsPath, url.Values{"member_id": {s.Admin.ID}})
	wantRefused(t, full, "No seat is free: 1 of 1 are taken.")
	if chosen := document(t, full).Find(`input[name="member_id"][checked]`).AttrOr("value", ""); chosen != s.Admin.ID {
		t.Errorf("what was chosen is now %q", chosen)
	}
	wantRefused(t, capacity("0"), "The capacity cannot be 0 while 1 of the seats are taken.")
	if usage := usageOf(t, s); usage != (models.SeatUsage{Capacity: 1, Used: 1}) {
		t.Errorf("%+v", usage)
	}
	if page := b.Get(seatsPath).Body; !strings.Contains(page, "All seats are taken.") {
		t.Error("the page does not say that all seats are taken")
	}
}
