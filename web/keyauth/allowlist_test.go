package keyauth_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/keyauth"
)

func TestRequireChecksTheAllowlist(t *testing.T) {
	s := newService(t, func(o *keyauth.GateOptions) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} })
	s.handle("GET /orders", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, "orders.read")
	row, key := s.key(t, "orders.read")
	want := func(address string, status int) {
		t.Helper()
		request := s.request(t, http.MethodGet, "/orders", key)
		request.Header.Set("X-Forwarded-For", address)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != status {
			t.Errorf("status from %s = %d, want %d", address, response.StatusCode, status)
		}
	}
	change := func(mode models.AllowlistMode) {
		t.Helper()
		_, err := s.UpdateAPIKey(t.Context(), s.workspace, row.ID, models.KeyUpdate{
			Allowlist: models.AllowlistChange{Mode: models.To(mode), Networks: models.To("203.0.113.7/32")},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want("198.51.100.1", http.StatusNoContent)
	change(models.AllowlistReportOnly)
	want("198.51.100.1", http.StatusNoContent)
	change(models.AllowlistEnforce)
	want("198.51.100.1", http.StatusForbidden)
	want("203.0.113.7, 198.51.100.1", http.StatusForbidden)
	want("203.0.113.7", http.StatusNoContent)
	s.wantCounts(t, map[string]int64{"GET /orders [orders.read] 2xx": 3, "GET /orders [orders.read] 4xx address": 2})
	outside := int64(0)
	for _, count := range s.counts.rows {
		outside += count.Outside
	}
	if outside != 1 {
		t.Errorf("requests reported = %d, want 1", outside)
	}
	if log := s.log.String(); strings.Contains(log, key) {
		t.Error("the log contains the key")
	}
}

// BenchmarkRecallWithAllowlist measures a verification whose address is the last of a long list.
func BenchmarkRecallWithAllowlist(b *testing.B) {
	s := newService(b)
	networks := make([]string, models.MaxAllowlist)
	for i := range networks {
		networks[i] = netip.AddrFrom4([4]byte{10, byte(i), 0, 0}).String() + "/16"
	}
	row, key := s.key(b)
	_, err := s.UpdateAPIKey(b.Context(), s.workspace, row.ID, models.KeyUpdate{Allowlist: models.AllowlistChange{
		Mode: models.To(models.AllowlistEnforce), Networks: models.To(strings.Join(networks, " ")),
	}})
	if err != nil {
		b.Fatal(err)
	}
	header, response := http.Header{"Authorization": {"Bearer " + key}}, http.Header{}
	b.ReportAllocs()
	for b.Loop() {
		request := keyauth.Request{Header: header, Address: "10.99.0.1"}
		if err := s.gate.Admit(b.Context(), &request, response); err != nil {
			b.Fatal(err)
		}
	}
}
