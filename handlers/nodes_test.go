package handlers_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// TestDeletionIsInForceOnEveryNode when the call that deletes returns, while clients keep
// calling all of them: a request sent after that is refused.
func TestDeletionIsInForceOnEveryNode(t *testing.T) {
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
				t.Errorf("delete: %d %s", deleted.Status, deleted.Body)
			}
			for i, node := range nodes {
				if after := node.Call(t, secret.Reveal(), "GET", "/me", ""); after.Status != http.StatusUnauthorized {
					t.Errorf("node %d accepts the deleted key: %d", i, after.Status)
				}
			}
			close(stop)
			clients.Wait()
		}
	})
}

// TestHealth answers GET and HEAD, without a session and without a key.
func TestHealth(t *testing.T) {
	s := handlerstest.New(t)
	for _, path := range []string{"/healthz", "/readyz"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if got := handlerstest.Send(t, http.DefaultClient, s.Request(t, method, path, "")); got.Status != http.StatusOK {
				t.Errorf("%s %s: %d", method, path, got.Status)
			}
		}
	}
}
