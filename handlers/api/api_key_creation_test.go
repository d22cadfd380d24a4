package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// TestKeysCreateNoLongerLivedKeys covers creation and rotation.
func TestKeysCreateNoLongerLivedKeys(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		end := s.Now().Add(2 * time.Hour)
		_, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "Two hours", Scopes: scope.Of(scope.APIKeysWrite), ExpiresAt: &end})
		must(t, err)
		forever := s.NamedKey(t, s.Workspace.ID, "Forever")
		rotate := "/api_keys/" + forever.ID + "/rotate"
		for _, call := range []struct{ path, body string }{
			{"/api_keys", `{"name":"Child"}`},
			{"/api_keys", `{"name":"Child","expires_at":"2026-03-14T11:26:54Z"}`},
			{rotate, `{"expires_at":null}`},
			{rotate, `{"expires_at":"2027-01-01T00:00:00Z"}`},
		} {
			t.Run(call.path+" "+call.body, func(t *testing.T) {
				checkError(t, s.Call(t, secret.Reveal(), "POST", call.path, call.body), http.StatusForbidden, "forbidden",
					"can't give a key a later expiry than its own. Set expires_at to 2026-03-14T11:26:53Z or earlier.")
			})
		}
		for path, body := range map[string]string{"/api_keys": `{"name":"Child","expires_at":"2026-03-14T11:26:53Z"}`, rotate: ""} {
			var created objectBody
			s.Want(t, http.StatusCreated, secret.Reveal(), "POST", path, body).JSON(t, &created)
			if got, want := created.Data["expires_at"], "2026-03-14T11:26:53Z"; got != want {
				t.Errorf("%s: expires_at = %v, want %s", path, got, want)
			}
		}
	})
}

func TestKeyPolicyInTheAPI(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key := s.Key(t, scope.APIKeysWrite)
		policy := models.DefaultKeyPolicy
		policy.MaxDays, policy.DefaultDays = 10, 5
		_, err := s.SetKeyPolicy(t.Context(), s.Workspace.ID, policy)
		must(t, err)
		for _, body := range []string{`{"name":"Child","expires_at":null}`, `{"name":"Child","expires_at":"2026-03-24T10:26:54Z"}`} {
			checkError(t, s.Call(t, key, "POST", "/api_keys", body), http.StatusUnprocessableEntity, "validation_error",
				"expires_at must be at most 10 days from now, because this workspace's policy limits how long keys last. Choose 2026-03-24T09:26:53Z or earlier.")
		}
		var created objectBody
		for body, want := range map[string]string{`{"name":"Child"}`: "2026-03-19T09:26:53Z", `{"name":"Child","expires_at":"2026-03-24T09:26:53Z"}`: "2026-03-24T09:26:53Z"} {
			s.Want(t, http.StatusCreated, key, "POST", "/api_keys", body).JSON(t, &created)
			if got := created.Data["expires_at"]; got != want {
				t.Errorf("%s: expires_at = %v, want %s", body, got, want)
			}
		}
		child := "/api_keys/" + created.Data["id"].(string)
		for _, body := range []string{`{"expires_at":null}`, `{"expires_at":"2026-03-25T09:26:53Z"}`} {
			checkError(t, s.Call(t, key, "PATCH", child, body), http.StatusUnprocessableEntity, "validation_error", "expires_at must be 2026-03-24T09:26:53Z or earlier")
			checkError(t, s.Call(t, key, "POST", child+"/rotate", body), http.StatusUnprocessableEntity, "validation_error", "expires_at must be at most 10 days")
		}
	})
}

// TestKeyCreationIsRateLimited uses children, which share the budget of the key that created them.
func TestKeyCreationIsRateLimited(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		root := s.Key(t, scope.APIKeysWrite)
		creator := root
		for range models.DefaultKeyCreations {
			var created objectBody
			s.Want(t, http.StatusCreated, creator, "POST", "/api_keys", `{"name":"Child","scopes":["api_keys.write"]}`).JSON(t, &created)
			creator = created.Data["key"].(string)
		}
		for _, key := range []string{root, creator} {
			response := s.Call(t, key, "POST", "/api_keys", `{"name":"One more"}`)
			checkError(t, response, http.StatusTooManyRequests, "rate_limited", "30 keys per hour")
			if got := response.Header.Get("Retry-After"); got != "3600" {
				t.Errorf("Retry-After = %q, want 3600", got)
			}
		}
	})
}
