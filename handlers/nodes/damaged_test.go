package nodes_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/keyauth"
)

// A row that can't be read is a problem of that key alone, on nodes as on the server, and no outage.
func TestDamagedKey(t *testing.T) {
	tests := []struct {
		name, damage string
		sqlite       bool // PostgreSQL rejects such a value
	}{
		{"allowlist", "allowlist_mode = 'enforce', allowlist_networks = 'anywhere'", false},
		{"rate limit", "rate_limit = 'many'", true},
		{"expiry", "expires_at = 'tomorrow'", true},
	}
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		n := startNode(t, "orders-1", s.URL, credential(t, s, "orders", ""), nil)
		workspace, _ := s.NewWorkspace(t, "Other", "eve@other.test")
		elsewhere := startNode(t, "orders-2", s.URL, credential(t, s, "elsewhere", workspace.ID), nil)
		_, other := newKey(t, s, models.NewAPIKey{})
		for _, tt := range tests {
			if tt.sqlite && !strings.HasPrefix(s.Store.URL, "sqlite:") {
				continue
			}
			t.Run(tt.name, func(t *testing.T) {
				key, secret := newKey(t, s, models.NewAPIKey{})
				s.Exec(t, "UPDATE api_keys SET "+tt.damage+" WHERE id = '"+key.ID+"'")
				modelstest.Equal(t, "status at the server", s.Call(t, secret, "GET", "/me", "").Status, http.StatusInternalServerError)
				err := n.verify(secret)
				damaged := new(models.DamagedKeyError)
				if !errors.As(err, &damaged) {
					t.Fatalf("error = %v, want a DamagedKeyError", err)
				}
				modelstest.Equal(t, "damaged key", damaged.KeyID, key.ID)
				modelstest.Equal(t, "result", keyauth.ResultOf(err), keyauth.ResultDamaged)
				if err := elsewhere.verify(secret); !errors.Is(err, keyauth.ErrInvalid) {
					t.Errorf("in a node of another workspace: error = %v, want %v", err, keyauth.ErrInvalid)
				}
				n.wantAccepted(t, "other key", other)
			})
		}
	})
}
