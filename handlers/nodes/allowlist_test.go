package nodes_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/web/keyauth"
)

// TestAllowlist checks what an allowlist does to POST /v1/verify and to a node that asks a server, from the moment
// that a change has returned.
func TestAllowlist(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		text := credential(t, s, "shop", "")
		remote := startNode(t, "remote", s.URL, text, nil)
		key, secret := newKey(t, s, models.NewAPIKey{})
		const inside, outside = "203.0.113.7", "198.51.100.1"
		want := func(step, address, reason string) {
			t.Helper()
			body := map[string]any{"key": secret}
			if address != "" {
				body["address"] = address
			}
			got := verify(t, s.URL, text, body)
			modelstest.Equal(t, step+": reason for "+address, reasonOf(got), reason)
			modelstest.Equal(t, step+": valid", got.Valid, reason == "")
			modelstest.Equal(t, step+": key", got.KeyID, &key.ID)
			err := remote.Admit(context.Background(), &keyauth.Request{Address: address, Header: http.Header{"Authorization": {"Bearer " + secret}}}, http.Header{})
			if rejected := errors.As(err, new(*keyauth.AddressError)); err != nil && !rejected || rejected != (reason != "") {
				t.Errorf("%s: error on the node for %s = %v, want a rejection: %t", step, address, err, reason != "")
			}
		}
		change := func(list models.AllowlistChange) {
			t.Helper()
			if _, err := s.UpdateAPIKey(t.Context(), s.Workspace.ID, key.ID, models.KeyUpdate{Allowlist: list}); err != nil {
				t.Fatal(err)
			}
		}
		want("no list", outside, "")
		change(models.AllowlistChange{Mode: models.To(models.AllowlistReportOnly), Networks: models.To("127.0.0.0/8 " + inside + "/32")})
		want("report only", outside, "")
		change(models.AllowlistChange{Mode: models.To(models.AllowlistEnforce)})
		want("enforced", inside, "")
		want("enforced", outside, "address")
		want("enforced, without the address of the client", "", "address")
		change(models.AllowlistChange{Mode: models.To(models.AllowlistInherit)})
		policy := models.DefaultKeyPolicy
		policy.Allowlist = models.Allowlist{Mode: models.AllowlistEnforce, Networks: outside + "/32"}
		if _, err := s.SetKeyPolicy(t.Context(), s.Workspace.ID, policy); err != nil {
			t.Fatal(err)
		}
		want("a default", inside, "address")
		want("a default", outside, "")

		request := &keyauth.Request{Address: inside, Header: http.Header{"Authorization": {"Bearer " + secret}}}
		if err := remote.Admit(context.Background(), request, http.Header{}); !errors.As(err, new(*keyauth.AddressError)) {
			t.Errorf("error = %v, want an AddressError", err)
		} else {
			remote.Count(request, http.StatusForbidden, err)
		}
		remote.Flush(t.Context())
		s.Flush(t)
		report, err := s.UsageReport(t.Context(), s.Workspace.ID, key.ID, usage.LastDays(s.Now(), 2, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		rejected := map[string]int64{}
		for _, part := range report.Rejections {
			rejected[part.Name] = part.Requests
		}
		modelstest.Equal(t, "rejected for their address, by the server and the node", rejected["address"], 3+1)
		modelstest.Equal(t, "reported by the server", report.Total.Outside, 1)
	})
}
