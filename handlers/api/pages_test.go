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

// pagedLists contains all lists, with functions that add an item and remove it.
var pagedLists = map[string]struct {
	add    func(t *testing.T, s *handlerstest.Server, n int) (id string)
	remove func(t *testing.T, s *handlerstest.Server, id string) // nil if items are never removed
}{
	"/api_keys": {
		func(t *testing.T, s *handlerstest.Server, n int) string {
			return s.NamedKey(t, s.Workspace.ID, fmt.Sprint("Key ", n)).ID
		},
		func(t *testing.T, s *handlerstest.Server, id string) {
			_, err := s.DeleteAPIKey(t.Context(), s.Workspace.ID, id, models.NoConfirmation)
			must(t, err)
		},
	},
	"/meeting_requests?status=active": {
		func(t *testing.T, s *handlerstest.Server, n int) string {
			created, err := s.CreateMeetingRequest(t.Context(), s.Workspace.ID, models.NewMeetingRequest{
				OrganizerEmail: handlerstest.AdminEmail, ParticipantEmails: []string{fmt.Sprintf("p%d@x.test", n)},
			})
			must(t, err)
			return created.ID
		},
		func(t *testing.T, s *handlerstest.Server, id string) {
			_, err := s.CancelMeetingRequest(t.Context(), s.Workspace.ID, id, false)
			must(t, err)
		},
	},
	"/workspace_members?role=member": {
		func(t *testing.T, s *handlerstest.Server, _ int) string { return addMember(t, s).ID },
		func(t *testing.T, s *handlerstest.Server, id string) {
			_, err := s.DeactivateMember(t.Context(), s.Workspace.ID, id)
			must(t, err)
		},
	},
	"/webhook_endpoints": {
		func(t *testing.T, s *handlerstest.Server, n int) string {
			created, _, err := s.CreateWebhookEndpoint(t.Context(), s.Workspace.ID, models.NewWebhookEndpoint{
				URL: fmt.Sprintf("https://hooks.example.com/%d", n), Events: []string{"seat.assigned"},
			})
			must(t, err)
			return created.ID
		},
		func(t *testing.T, s *handlerstest.Server, id string) {
			must(t, s.DeleteWebhookEndpoint(t.Context(), s.Workspace.ID, id, models.NoConfirmation))
		},
	},
	"/webhook_endpoints/:id/deliveries": {
		func(t *testing.T, s *handlerstest.Server, _ int) string {
			created, err := s.PingWebhookEndpoint(t.Context(), s.Workspace.ID, pinged(t, s).ID)
			must(t, err)
			return created.ID
		},
		func(t *testing.T, s *handlerstest.Server, id string) {
			s.Exec(t, "DELETE FROM webhook_deliveries WHERE id = $1", id)
		},
	},
	"/audit_events?action=api_key.renamed": {
		func(t *testing.T, s *handlerstest.Server, n int) string {
			key := s.NamedKey(t, s.Workspace.ID, fmt.Sprint("Renamed ", n))
			_, err := s.UpdateAPIKey(t.Context(), s.Workspace.ID, key.ID, models.KeyUpdate{Name: models.To(fmt.Sprint("Key ", n))})
			must(t, err)
			events, err := s.AuditEventsOf(t.Context(), s.Workspace.ID, key.ID, 1)
			must(t, err)
			return events[0].ID
		},
		nil,
	},
	"/seats": {
		func(t *testing.T, s *handlerstest.Server, _ int) string {
			_, err := s.SetSeatCapacity(t.Context(), s.Workspace.ID, 1000)
			must(t, err)
			seat, err := s.AssignSeat(t.Context(), s.Workspace.ID, addMember(t, s).ID)
			must(t, err)
			return seat.ID
		},
		func(t *testing.T, s *handlerstest.Server, id string) {
			must(t, s.ReleaseSeat(t.Context(), s.Workspace.ID, id))
		},
	},
}

// pinged returns the endpoint whose deliveries are listed.
func pinged(t *testing.T, s *handlerstest.Server) *models.WebhookEndpoint {
	t.Helper()
	const url = "https://hooks.example.com/pinged"
	page, err := s.WebhookEndpoints(t.Context(), s.Workspace.ID, models.Page{Limit: models.MaxWebhookEndpoints})
	must(t, err)
	for i := range page.Items {
		if page.Items[i].URL == url {
			return &page.Items[i]
		}
	}
	created, _, err := s.CreateWebhookEndpoint(t.Context(), s.Workspace.ID, models.NewWebhookEndpoint{URL: url, Events: []string{"api_key.expiring"}})
	must(t, err)
	return created
}

// listPath returns the path of one of pagedLists, ready for more query parameters.
func listPath(t *testing.T, s *handlerstest.Server, list string) string {
	t.Helper()
	if before, after, isOfOne := strings.Cut(list, ":id"); isOfOne {
		list = before + pinged(t, s).ID + after
	}
	if strings.Contains(list, "?") {
		return list + "&"
	}
	return list + "?"
}

// addMember adds a member with a unique email.
func addMember(t *testing.T, s *handlerstest.Server) *models.Member {
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

// TestPagingIsStableInEveryList checks that paging shows existing items once and in order, and no new
// ones, while items are added and removed.
func TestPagingIsStableInEveryList(t *testing.T) {
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
			walk(t, s, key, listPath(t, s, list), func(page []string) {
				shown = append(shown, page...)
				of.add(t, s, n)
				n++
				if of.remove == nil {
					return
				}
				if last := page[len(page)-1]; slices.Contains(ids, last) {
					of.remove(t, s, last) // the item that the cursor points to
				}
				if next := len(shown) + 1; next < len(want) {
					of.remove(t, s, want[next])
					want = slices.Delete(want, next, next+1)
				}
			})
			if of.remove != nil && len(want) == len(ids) {
				t.Errorf("%s: the test removed no items", list)
			}
			if got := shown[:min(len(shown), len(want))]; !slices.Equal(got, want) {
				t.Errorf("%s: items = %q, want %q", list, shown, want)
			}
		}
	})
}

// TestPagedListsIsComplete checks that the paging tests cover every list.
func TestPagedListsIsComplete(t *testing.T) {
	known := map[string]bool{}
	for list := range pagedLists {
		path, _, _ := strings.Cut(list, "?")
		known[path] = true
	}
	for _, route := range routesOf(handlerstest.New(t)) {
		if route.Meta() != nil && !known[route.Path] {
			t.Errorf("pagedLists lacks %s: add functions that add and remove an item", route.Path)
		}
	}
}

// walk reads a list in pages of five and calls between with the IDs of each page.
func walk(t *testing.T, s *handlerstest.Server, key, path string, between func(page []string)) {
	t.Helper()
	for cursor := ""; ; {
		var page listBody
		s.Want(t, http.StatusOK, key, "GET", path+"limit=5&cursor="+url.QueryEscape(cursor), "").JSON(t, &page)
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

// TestCursorsAreBoundToTheirList checks that a cursor is valid only for its own list, filters and
// workspace, and only if it is unchanged.
func TestCursorsAreBoundToTheirList(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	foreign, rival := s.NewWorkspace(t, "Rival", "rival@rival.test")
	createObjects(t, s, foreign, rival)
	paths, cursors := map[string]string{}, map[string]string{}
	for list, of := range pagedLists {
		for n := range 6 {
			of.add(t, s, n)
		}
		paths[list] = listPath(t, s, list)
		var page listBody
		s.Want(t, http.StatusOK, key, "GET", paths[list]+"limit=2", "").JSON(t, &page)
		cursors[list] = page.Meta["next_cursor"].(string)
		s.Exec(t, "DELETE FROM seats")
		s.Exec(t, "UPDATE members SET deactivated_at = created_at WHERE role = 'member'")
	}
	theirs := s.KeyOf(t, foreign.ID, scope.All.Scopes()...)
	for list, cursor := range cursors {
		path := paths[list]
		s.Want(t, http.StatusOK, key, "GET", path+"cursor="+cursor, "")
		if foreign := s.Call(t, theirs, "GET", path+"cursor="+cursor, ""); strings.Contains(list, ":id") {
			checkError(t, foreign, 404, "not_found", "")
		} else {
			checkError(t, foreign, 422, "validation_error", "cursor is invalid")
		}
		for i := range cursor {
			changed := []byte(cursor)
			changed[i] ^= 1
			if response := s.Call(t, key, "GET", path+"cursor="+url.QueryEscape(string(changed)), ""); response.Status != 422 {
				t.Errorf("%s: status with a cursor changed at %d = %d, want 422", list, i, response.Status)
			}
		}
		for other := range cursors {
			if other != list {
				checkError(t, s.Call(t, key, "GET", paths[other]+"cursor="+cursor, ""), 422, "validation_error", "cursor")
			}
		}
	}
	plain := cursors["/meeting_requests?status=active"]
	checkError(t, s.Call(t, key, "GET", "/meeting_requests?cursor="+plain, ""), 422, "validation_error", "cursor")
}
