package handlers_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// Clients keep sending requests to all nodes during the deletion.
func TestDeletedKeyIsRejectedByEveryNode(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, first *handlerstest.Server) {
		nodes := []*handlerstest.Server{first, first.AnotherNode(t), first.AnotherNode(t)}
		admin := first.Key(t, scope.APIKeysWrite)
		for range 10 {
			key, secret, err := first.CreateAPIKey(context.Background(), first.Workspace.ID, models.NewAPIKey{Name: "Doomed"})
			if err != nil {
				t.Fatal(err)
			}
			var clients sync.WaitGroup
			stop := make(chan struct{})
			for _, node := range nodes {
				clients.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
							node.Call(t, secret.Reveal(), "GET", "/me", "")
						}
					}
				})
			}
			if deleted := nodes[1].Call(t, admin, "DELETE", "/api_keys/"+key.ID, ""); deleted.Status != http.StatusNoContent {
				t.Errorf("delete: status = %d, want %d: %s", deleted.Status, http.StatusNoContent, deleted.Body)
			}
			for i, node := range nodes {
				if after := node.Call(t, secret.Reveal(), "GET", "/me", ""); after.Status != http.StatusUnauthorized {
					t.Errorf("node %d: status = %d, want %d", i, after.Status, http.StatusUnauthorized)
				}
			}
			close(stop)
			clients.Wait()
		}
	})
}

// Pages, the API, and the Store must not have caches of their own.
func TestChangesFromEveryInterfaceApplyToEveryNode(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, first *handlerstest.Server) {
		second := first.AnotherNode(t)
		admin, browser := first.Key(t, scope.APIKeysWrite), first.SignedIn(t, handlerstest.AdminEmail)
		page := func(id string) string { return "/settings/api-keys/" + id }
		post := func(path string, form url.Values) {
			if posted := browser.Post(path, form); posted.Status != http.StatusSeeOther {
				t.Errorf("POST %s: status = %d, want %d", path, posted.Status, http.StatusSeeOther)
			}
		}
		changes := map[string]struct {
			change func(id string)
			want   int
		}{
			"the page deletes": {func(id string) { post(page(id)+"/delete", url.Values{"confirm_name": {"Doomed"}}) }, http.StatusUnauthorized},
			"the API deletes":  {func(id string) { first.Want(t, http.StatusNoContent, admin, "DELETE", "/api_keys/"+id, "") }, http.StatusUnauthorized},
			"the page removes scopes": {func(id string) {
				post(page(id)+"/access", url.Values{"access_before": {"seats.read/0"}, "expiry": {"keep"}})
			}, http.StatusForbidden},
			"the Store removes scopes": {func(id string) { changeAccess(t, first, id, models.KeyAccess{}) }, http.StatusForbidden},
			"the Store adds scopes":    {func(id string) { changeAccess(t, first, id, models.KeyAccess{Scopes: scope.All}) }, http.StatusOK},
		}
		for name, tt := range changes {
			t.Run(name, func(t *testing.T) {
				key, secret, err := first.CreateAPIKey(t.Context(), first.Workspace.ID, models.NewAPIKey{Name: "Doomed", Scopes: scope.Of(scope.SeatsRead)})
				if err != nil {
					t.Fatal(err)
				}
				for _, node := range []*handlerstest.Server{first, second} {
					node.Want(t, http.StatusOK, secret.Reveal(), "GET", "/seats", "")
				}
				tt.change(key.ID)
				for i, node := range []*handlerstest.Server{first, second} {
					if got := node.Call(t, secret.Reveal(), "GET", "/seats", ""); got.Status != tt.want {
						t.Errorf("node %d: status = %d, want %d", i, got.Status, tt.want)
					}
				}
				shown := second.SignedIn(t, handlerstest.AdminEmail).Get(page(key.ID)).Body
				if deleted := strings.Contains(shown, "Deletion receipt"); deleted != (tt.want == http.StatusUnauthorized) {
					t.Errorf("page of the other node has a deletion receipt = %t, want %t", deleted, !deleted)
				}
			})
		}
	})
}

func changeAccess(t *testing.T, s *handlerstest.Server, id string, access models.KeyAccess) {
	t.Helper()
	key, err := s.APIKey(t.Context(), s.Workspace.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ChangeAPIKeyAccess(t.Context(), s.Workspace.ID, id, key.Access(), access); err != nil {
		t.Fatal(err)
	}
}

func TestHealthNeedsNoCredentials(t *testing.T) {
	s := handlerstest.New(t)
	for _, path := range []string{"/healthz", "/readyz"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if got := handlerstest.Send(t, http.DefaultClient, s.Request(t, method, path, "")); got.Status != http.StatusOK {
				t.Errorf("%s %s: status = %d, want %d", method, path, got.Status, http.StatusOK)
			}
		}
	}
}
