package handlers_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/web"
)

// TestAllowlist checks what an allowlist does to the requests of the API and of a proxy, on two nodes, from the
// moment that a change has returned.
func TestAllowlist(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, store *modelstest.Store) {
		s := handlerstest.With(t, store, handlerstest.Options{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
		nodes := []*handlerstest.Server{s, s.AnotherNode(t)}
		key, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "CI"})
		if err != nil {
			t.Fatal(err)
		}
		call := func(s *handlerstest.Server, path, address, key string) handlerstest.Response {
			request := s.Request(t, http.MethodGet, path, "")
			request.Header.Set("Authorization", "Bearer "+key)
			if address != "" {
				request.Header.Set("X-Forwarded-For", address)
			}
			return handlerstest.Send(t, http.DefaultClient, request)
		}
		want := func(step, address string, accepted bool) {
			t.Helper()
			for i, node := range nodes {
				for path, status := range map[string]int{"/api/v1/me": http.StatusOK, web.VerifyPath: http.StatusNoContent} {
					response := call(node, path, address, secret.Reveal())
					if accepted {
						modelstest.Equal(t, fmt.Sprintf("%s: status of %s from %s on node %d", step, path, address, i), response.Status, status)
						continue
					}
					modelstest.Equal(t, fmt.Sprintf("%s: status of %s from %s on node %d", step, path, address, i), response.Status, http.StatusForbidden)
					modelstest.Equal(t, "body", response.Body, `{"error":{"type":"address_not_allowed","message":"This API key can't be used from this IP address."}}`+"\n")
					response.WantHeader(t, "WWW-Authenticate", "")
				}
			}
		}
		change := func(change models.AllowlistChange) {
			t.Helper()
			if _, err := s.UpdateAPIKey(t.Context(), s.Workspace.ID, key.ID, models.KeyUpdate{Allowlist: change}); err != nil {
				t.Fatal(err)
			}
		}
		setDefault := func(list models.Allowlist) {
			t.Helper()
			policy := models.DefaultKeyPolicy
			policy.Allowlist = list
			if _, err := s.SetKeyPolicy(t.Context(), s.Workspace.ID, policy); err != nil {
				t.Fatal(err)
			}
		}
		const inside, outside = "203.0.113.7", "198.51.100.1"
		want("no list", outside, true)
		change(models.AllowlistChange{Mode: models.To(models.AllowlistReportOnly), Networks: models.To("203.0.113.0/24 2001:db8::/32")})
		want("report only", inside, true)
		want("report only", outside, true)
		change(models.AllowlistChange{Mode: models.To(models.AllowlistEnforce)})
		want("enforced", inside, true)
		want("enforced", "2001:db8::7", true)
		want("enforced", "::ffff:203.0.113.7", true)
		want("enforced", outside, false)
		want("enforced, without the address of the client", "", false)
		want("enforced, with a forged address before its own", inside+", "+outside, false)
		change(models.AllowlistChange{Networks: models.To(outside + "/32")})
		want("another list", inside, false)
		want("another list", outside, true)
		change(models.AllowlistChange{Mode: models.To(models.AllowlistInherit)})
		want("the default, which is none", inside, true)
		setDefault(models.Allowlist{Mode: models.AllowlistEnforce, Networks: inside + "/32"})
		want("a default", inside, true)
		want("a default", outside, false)
		change(models.AllowlistChange{Mode: models.To(models.AllowlistNone)})
		want("not the default", outside, true)
		change(models.AllowlistChange{Mode: models.To(models.AllowlistInherit)})
		want("the default again", outside, false)
		setDefault(models.Allowlist{})
		want("no default", outside, true)

		setDefault(models.Allowlist{Mode: models.AllowlistEnforce, Networks: inside + "/32"})
		paused, err := s.PauseAPIKey(t.Context(), s.Workspace.ID, key.ID, s.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{secret.Reveal(), secret.Reveal() + "x"} {
			if response := call(s, "/api/v1/me", outside, text); response.Status != http.StatusUnauthorized {
				t.Errorf("status of an inactive or wrong key from a wrong address = %d, want 401, which says nothing about the key", response.Status)
			}
		}
		for _, node := range nodes {
			node.Flush(t)
		}
		report, err := s.UsageReport(t.Context(), s.Workspace.ID, paused.ID, usage.LastDays(s.Now(), 2, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "accepted requests from outside, which were reported", report.Total.Outside, 4)
		rejected := map[string]int64{}
		for _, part := range report.Rejections {
			rejected[part.Name] = part.Requests
		}
		modelstest.Equal(t, "requests rejected for their address", rejected[string(usage.RejectedAddress)], 6*4)
	})
}

// A client can't choose its address unless its connection comes from a trusted proxy.
func TestForgedAddressIsNotInTheAllowlist(t *testing.T) {
	s := handlerstest.New(t)
	_, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{
		Name: "CI", Allowlist: models.Allowlist{Mode: models.AllowlistEnforce, Networks: "203.0.113.7/32"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/v1/me", web.VerifyPath} {
		for _, name := range []string{"X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP"} {
			request := s.Request(t, http.MethodGet, path, "")
			request.Header.Set("Authorization", "Bearer "+secret.Reveal())
			request.Header.Set(name, "203.0.113.7")
			handlerstest.Send(t, http.DefaultClient, request).Want(t, http.StatusForbidden, "address_not_allowed")
		}
	}
}
