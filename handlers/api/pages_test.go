package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// pagedLists are all lists: how something is added to each, and how it leaves.
var pagedLists = map[string]struct {
	add    func(t *testing.T, s *handlerstest.Server, n int) (id string)
	remove func(t *testing.T, s *handlerstest.Server, id string)
}{
	"/api_keys": {
		func(t *testing.T, s *handlerstest.Server, n int) string {
			return s.NamedKey(t, s.Workspace.ID, fmt.Sprint("Key ", n)).ID
		},
		func(t *testing.T, s *handlerstest.Server, id string) {
			_, err := s.DeleteAPIKey(t.Context(), s.Workspace.ID, id)
			must(t, err)
		},
	},
	"/meeting_requests?status=active": {
		func(t *testing.T, s *handlerstest.Server, n int) string {
			made, err := s.CreateMeetingRequest(t.Context(), s.Workspace.ID, models.NewMeetingRequest{
				OrganizerEmail: handlerstest.AdminEmail, ParticipantEmails: []string{fmt.Sprintf("p%d@x.test", n)},
			})
			must(t, err)
			return made.ID
		},
		func(t *testing.T, s *handlerstest.Server, id string) {
			_, err := s.CancelMeetingRequest(t.Context(), s.Workspace.ID, id, false)
			must(t, err)
		},
	},
	"/workspace_members?role=member": {
		func(t *testing.T, s *handlerstest.Server, _ int) string { return person(t, s).ID },
		func(t *testing.T, s *handlerstest.Server, id string) {
			_, err := s.DeactivateMember(t.Context(), s.Workspace.ID, id)
			must(t, err)
		},
	},
	"/webhook_endpoints": {
		func(t *testing.T, s *handlerstest.Server, n int) string {
			made, _, err := s.CreateWebhookEndpoint(t.Context(), s.Workspace.ID, models.NewWebhookEndpoint{
				URL: fmt.Sprintf("https://hooks.example.com/%d", n), Events: []string{"seat.assigned"},
			})
			must(t, err)
			return made.ID
		},
		func(t *testing.T, s *handlerstest.Server, id string) {
			must(t, s.DeleteWebhookEndpoint(t.Context(), s.Workspace.ID, id))
		},
	},
	"/webhook_endpoints/:id/deliveries": {
		func(t *testing.T, s *handlerstest.Server, _ int) string {
			made, err := s.PingWebhookEndpoint(t.Context(), s.Workspace.ID, pinged(t, s).ID)
			must(t, err)
			return made.ID
		},
		func(t *testing.T, s *handlerstest.Server, id string) {
			s.Exec(t, "DELETE FROM webhook_deliveries WHERE id = $1", id)
		},
	},
	"/seats": {
		func(t *testing.T, s *handlerstest.Server, _ int) string {
			_, err := s.SetSeatCapacity(t.Context(), s.Workspace.ID, 1000)
			must(t, err)
			seat, err := s.AssignSeat(t.Context(), s.Workspace.ID, person(t, s).ID)
			must(t, err)
			return seat.ID
		},
		func(t *testing.T, s *handlerstest.Server, id string) {
			must(t, s.ReleaseSeat(t.Context(), s.Workspace.ID, id))
		},
	},
}

// pinged is the endpoint of which the deliveries are listed.
func pinged(t *testing.T, s *handlerstest.Server) *models.WebhookEndpoint {
	t.Helper()
	const address = "https://hooks.example.com/pinged"
	page, err := s.WebhookEndpoints(t.Context(), s.Workspace.ID, models.Page{Limit: models.MaxWebhookEndpoints})
	must(t, err)
	for i := range page.Items {
		if page.Items[i].URL == address {
			return &page.Items[i]
		}
	}
	made, _, err := s.CreateWebhookEndpoint(t.Context(), s.Workspace.ID, models.NewWebhookEndpoint{URL: address, Events: []string{"api_key.expiring"}})
	must(t, err)
	return made
}

// placeOf is where one of pagedLists is, to be followed by further parameters.
func placeOf(t *testing.T, s *handlerstest.Server, list string) string {
	t.Helper()
	if before, after, isOfOne := strings.Cut(list, ":id"); isOfOne {
		list = before + pinged(t, s).ID + after
	}
	if strings.Contains(list, "?") {
		return list + "&"
	}
	return list + "?"
}

// person adds a member whose address nobody has.
func person(t *testing.T, s *handlerstest.Server) *models.Member {
	t.Helper()
	member, err := s.Store.Store.AddMember(t.Context(), s.Workspace.ID, models.NewMember{Email: strings.ToLower(ulid.Make().String()) + "@acme.test"})
	must(t, err)
	return member
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestEveryListIsStable: page after page, while things come and go, what stays is shown once, in
// order, and what is new is not shown.
func TestEveryListIsStable(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key := s.Key(t, scope.All.Scopes()...)
		for list, of := range pagedLists {
			var ids []string
			for n := range 23 {
				ids = append(ids, of.add(t, s, n))
			}
			slices.Reverse(ids)
			var shown []string
			n := 1000
			want := slices.Clone(ids)
			walk(t, s, key, placeOf(t, s, list), func(page []string) {
				shown = append(shown, page...)
				of.add(t, s, n)
				n++
				if last := page[len(page)-1]; slices.Contains(ids, last) {
					of.remove(t, s, last) // the very one that the cursor names
				}
				if next := len(shown) + 1; next < len(want) {
					of.remove(t, s, want[next])
					want = slices.Delete(want, next, next+1)
				}
			})
			if got := shown[:min(len(shown), len(want))]; !slices.Equal(got, want) || len(want) == len(ids) {
				t.Errorf("%s shows %q, want %q", list, shown, want)
			}
		}
	})
}

// TestEveryListIsKnownHere, so that the tests of pages are about all of them.
func TestEveryListIsKnownHere(t *testing.T) {
	known := map[string]bool{}
	for list := range pagedLists {
		path, _, _ := strings.Cut(list, "?")
		known[path] = true
	}
	for _, route := range routesOf(handlerstest.New(t)) {
		if route.Meta() != nil && !known[route.Path] {
			t.Errorf("pagedLists does not have %s: say how something is added to it, and how it leaves", route.Path)
		}
	}
}

// walk reads the list at address in pages of five and calls between after each but the last.
func walk(t *testing.T, s *handlerstest.Server, key, address string, between func(page []string)) {
	t.Helper()
	for cursor := ""; ; {
		var page many
		s.Want(t, http.StatusOK, key, "GET", address+"limit=5&cursor="+url.QueryEscape(cursor), "").JSON(t, &page)
		var ids []string
		for _, item := range page.Data {
			ids = append(ids, item["id"].(string))
		}
		between(ids)
		if page.Meta["has_more"] != true {
			return
		}
		cursor = page.Meta["next_cursor"].(string)
	}
}

// TestCursorsBelongToOneList with one set of filters in one workspace: elsewhere, and changed in
// any letter, they are refused.
func TestCursorsBelongToOneList(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	foreign, rival := s.NewWorkspace(t, "Rival", "rival@rival.test")
	thingsOf(t, s, foreign, rival)
	addresses, cursors := map[string]string{}, map[string]string{}
	for list, of := range pagedLists {
		for n := range 6 {
			of.add(t, s, n)
		}
		addresses[list] = placeOf(t, s, list)
		var page many
		s.Want(t, http.StatusOK, key, "GET", addresses[list]+"limit=2", "").JSON(t, &page)
		cursors[list] = page.Meta["next_cursor"].(string)
		s.Exec(t, "DELETE FROM seats")
		s.Exec(t, "UPDATE members SET deactivated_at = created_at WHERE role = 'member'")
	}
	theirs := s.KeyOf(t, foreign.ID, scope.All.Scopes()...)
	for list, cursor := range cursors {
		address := addresses[list]
		s.Want(t, http.StatusOK, key, "GET", address+"cursor="+cursor, "")
		if foreign := s.Call(t, theirs, "GET", address+"cursor="+cursor, ""); strings.Contains(list, ":id") {
			checkRefusal(t, foreign, 404, "not_found", "")
		} else {
			checkRefusal(t, foreign, 422, "validation_error", "cursor is invalid")
		}
		for i := range cursor {
			changed := []byte(cursor)
			changed[i] ^= 1
			if answer := s.Call(t, key, "GET", address+"cursor="+url.QueryEscape(string(changed)), ""); answer.Status != 422 {
				t.Errorf("%s: a cursor changed at %d: %d", list, i, answer.Status)
			}
		}
		for other := range cursors {
			if other != list {
				checkRefusal(t, s.Call(t, key, "GET", addresses[other]+"cursor="+cursor, ""), 422, "validation_error", "cursor")
			}
		}
	}
	plain := cursors["/meeting_requests?status=active"]
	checkRefusal(t, s.Call(t, key, "GET", "/meeting_requests?cursor="+plain, ""), 422, "validation_error", "cursor")
}
