package models_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

func enforce(networks string) models.Allowlist {
	return models.Allowlist{Mode: models.AllowlistEnforce, Networks: networks}
}

func TestParseNetworks(t *testing.T) {
	tests := []struct{ text, want, problem string }{
		{"203.0.113.7", "203.0.113.7/32", ""},
		{" 10.0.0.0/8\t", "10.0.0.0/8", ""},
		{"2001:DB8::0001", "2001:db8::1/128", ""},
		{"2001:db8::/32", "2001:db8::/32", ""},
		{"::ffff:203.0.113.7", "203.0.113.7/32", ""},
		{"::ffff:203.0.113.0/120", "203.0.113.0/24", ""},
		{"::ffff:0:0/96", "0.0.0.0/0", ""},
		{"0.0.0.0/0", "0.0.0.0/0", ""},
		{"::/0", "::/0", ""},
		{"", "", ""},
		{"10.0.0.5/8", "", "isn't the start of a network. Did you mean 10.0.0.0/8 or 10.0.0.5?"},
		{"::ffff:10.0.0.0/90", "", "mixes IPv4 and IPv6"},
		{"fe80::1%eth0", "", "must not have a zone"},
		{"10.0.0.0/33", "", "isn't an IP address or a network"},
		{"10.0.0", "", "isn't an IP address or a network"},
		{"010.0.0.1", "", "isn't an IP address or a network"},
		{"10.0.0.1, 10.0.0.2", "", "isn't an IP address or a network"},
		{"example.com", "", "isn't an IP address or a network"},
		{"203.0.113.7:443", "", "isn't an IP address or a network"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			networks, wrong := models.ParseNetworks([]string{tt.text})
			modelstest.Equal(t, "networks", networks, tt.want)
			if problem := fmt.Sprint(wrong); (tt.problem == "") != (len(wrong) == 0) || !strings.Contains(problem, tt.problem) {
				t.Errorf("problems = %v, want %q", problem, tt.problem)
			}
		})
	}
	networks, wrong := models.ParseNetworks([]string{"2001:db8::/32", "x", "10.0.0.1", "::ffff:10.0.0.1", "", "10.0.0.0/8", "y"})
	modelstest.Equal(t, "networks in order, once each", networks, "10.0.0.0/8 10.0.0.1/32 2001:db8::/32")
	modelstest.Equal(t, "indexes", []int{wrong[0].Index, wrong[1].Index}, []int{1, 6})
}

func TestAddressIn(t *testing.T) {
	networks, err := enforce("10.0.0.0/8 203.0.113.7/32 2001:db8::/32 fe80::/10").Prefixes()
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"10.255.0.1": true, "11.0.0.1": false, "203.0.113.7": true, "203.0.113.8": false, "2001:db8::1": true, "2001:db9::1": false,
		"::ffff:10.0.0.1": true, "::ffff:11.0.0.1": false, "fe80::1%eth0": true, "": false, "10.0.0.1, 11.0.0.1": false, "10.0.0.1:80": false, "localhost": false,
	} {
		modelstest.Equal(t, address, models.AddressIn(networks, address), want)
	}
	if allocations := testing.AllocsPerRun(100, func() { models.AddressIn(networks, "2001:db8::1") }); allocations > 0 {
		t.Errorf("allocations = %v, want 0", allocations)
	}
	modelstest.Equal(t, "an address in no networks", models.AddressIn([]netip.Prefix{}, "10.0.0.1"), false)
}

func TestAllowlistOfAKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		many := make([]string, models.MaxAllowlist+1)
		for i := range many {
			many[i] = fmt.Sprintf("10.0.%d.0/24", i)
		}
		tooMany, _ := models.ParseNetworks(many)
		for field, list := range map[string]models.Allowlist{
			"allowlist.mode":      {Mode: models.AllowlistNone, Networks: "10.0.0.0/8"},
			"allowlist.addresses": {Mode: models.AllowlistEnforce},
		} {
			_, _, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "X", Allowlist: list})
			wantFields(t, err, field)
		}
		for _, networks := range []string{tooMany, "10.0.0.1/8", "10.0.0.0/8  10.0.0.1/32"} {
			_, _, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "X", Allowlist: enforce(networks)})
			wantFields(t, err, "allowlist.addresses")
		}

		list := models.Allowlist{Mode: models.AllowlistReportOnly, Networks: "10.0.0.0/8"}
		key := s.keyOf(t, models.NewAPIKey{Name: "CI", Allowlist: list})
		modelstest.Equal(t, "of the key", s.read(t, key).Allowlist, list)
		modelstest.Equal(t, "of the replacement", s.rotate(t, key).Allowlist, list)
		before := s.read(t, key)
		update := func(change models.AllowlistChange) *models.APIKey {
			t.Helper()
			changed, err := s.UpdateAPIKey(s.ctx, s.id, key.ID, models.KeyUpdate{Allowlist: change})
			if err != nil {
				t.Fatal(err)
			}
			return changed
		}
		changed := update(models.AllowlistChange{Mode: models.To(models.AllowlistEnforce)})
		modelstest.Equal(t, "with another mode", s.read(t, key).Allowlist, enforce("10.0.0.0/8"))
		if changed.ChangedEpoch <= before.ChangedEpoch {
			t.Errorf("epoch of the change = %d, want more than %d, so that nodes drop the key", changed.ChangedEpoch, before.ChangedEpoch)
		}
		events, err := s.AuditEventsOf(s.ctx, s.id, key.ID, 1)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"allowlist_before": "report only: 10.0.0.0/8", "allowlist": "enforce: 10.0.0.0/8"}, events[0].Details); diff != "" {
			t.Errorf("details (-want +got):\n%s", diff)
		}
		_, err = s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, before.Access(), models.KeyAccess{})
		wantKind(t, err, models.Conflict)
		update(models.AllowlistChange{Mode: models.To(models.AllowlistNone)})
		modelstest.Equal(t, "without a list", s.read(t, key).Allowlist, models.Allowlist{Mode: models.AllowlistNone})
	})
}

// Keys can't let other keys, or themselves, be used from addresses that they can't be used from.
func TestKeysGrantNoMoreAddresses(t *testing.T) {
	const ten, part, other = "10.0.0.0/8", "10.1.0.0/16 10.2.3.4/32", "192.0.2.0/24"
	report := models.Allowlist{Mode: models.AllowlistReportOnly, Networks: ten}
	none, inherit := models.Allowlist{Mode: models.AllowlistNone}, models.Allowlist{}
	modelstest.Each(t, func(t *testing.T, store *modelstest.Store) {
		i := 0
		for name, tt := range map[string]struct {
			workspace, actor, target, wanted models.Allowlist
			allowed                          bool
		}{
			"part of its own":                        {none, enforce(ten), none, enforce(part), true},
			"other addresses, stricter":              {none, enforce(ten), none, enforce(other), true},
			"other addresses":                        {none, enforce(ten), enforce(part), enforce(other), false},
			"one more address":                       {none, enforce(ten), enforce(ten), enforce(ten + " " + other), false},
			"none":                                   {none, enforce(ten), enforce(ten), none, false},
			"report only":                            {none, enforce(ten), enforce(ten), report, false},
			"the default, which is none":             {none, enforce(ten), enforce(ten), inherit, false},
			"the default, which covers it":           {enforce(part), enforce(ten), enforce(ten), inherit, true},
			"fewer than the target has":              {none, enforce(ten), enforce(ten + " " + other), enforce(other), true},
			"anything, from a key that only reports": {none, report, enforce(ten), none, true},
			"none, from a key with the default":      {enforce(ten), inherit, inherit, none, false},
			"a longer list that adds nothing":        {none, enforce(ten), enforce(ten), enforce(ten + " " + "10.9.0.0/16"), true},
		} {
			t.Run(name, func(t *testing.T) {
				i++
				s := newFixture(t, store, "Acme", fmt.Sprintf("ada%d@acme.test", i))
				policy := models.DefaultKeyPolicy
				policy.Allowlist = tt.workspace
				s.setPolicy(t, policy)
				actor := s.keyOf(t, models.NewAPIKey{Name: "Actor", Allowlist: tt.actor, Scopes: scope.Of(scope.APIKeysWrite)})
				target := s.keyOf(t, models.NewAPIKey{Name: "Target", Allowlist: tt.target})
				byKey := models.WithActor(t.Context(), models.Actor{Type: models.ActorAPIKey, ID: actor.ID, Name: actor.Name})
				networks, _ := models.ParseNetworks(tt.wanted.Addresses())
				_, err := s.UpdateAPIKey(byKey, s.id, target.ID, models.KeyUpdate{
					Allowlist: models.AllowlistChange{Mode: models.To(tt.wanted.Mode), Networks: models.To(networks)},
				})
				if tt.allowed && err != nil {
					t.Errorf("error = %v, want none", err)
				}
				if !tt.allowed {
					wantKind(t, err, models.Forbidden)
				}
				child, _, err := s.CreateAPIKey(byKey, s.id, models.NewAPIKey{Name: "Child"})
				if err != nil {
					t.Fatal(err)
				}
				if own := tt.actor.Or(tt.workspace); own.Mode == models.AllowlistEnforce && child.Allowlist.Or(tt.workspace).Mode != models.AllowlistEnforce {
					t.Errorf("allowlist of a key that it creates = %v, want at most %v", child.Allowlist, own)
				}
			})
		}
	})
}

func TestDefaultAllowlist(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		inherits := s.key(t, "Inherits")
		own := s.keyOf(t, models.NewAPIKey{Name: "Own", Allowlist: enforce("192.0.2.7/32")})
		before := s.read(t, own).ChangedEpoch
		record(t, s.Store, countsOf(
			use{inherits, s.Now().Add(-time.Hour), "203.0.113.9", "curl/8", "GET /me"}, use{inherits, s.Now().Add(-time.Minute), "10.0.0.1", "curl/8", "GET /me"},
			use{inherits, s.Now().Add(-40 * dayLong), "203.0.113.10", "curl/8", "GET /me"}, use{own, s.Now(), "192.0.2.7", "curl/8", "GET /me"}))
		policy := models.DefaultKeyPolicy
		policy.Allowlist = enforce("10.0.0.0/8")
		set := s.setPolicy(t, policy)
		modelstest.Equal(t, "default", set.Allowlist, policy.Allowlist)
		epoch := s.read(t, inherits).ChangedEpoch
		if epoch <= before {
			t.Errorf("epoch of a key that inherits = %d, want more than %d, so that nodes drop it", epoch, before)
		}
		modelstest.Equal(t, "epoch of a key with a list of its own", s.read(t, own).ChangedEpoch, before)
		for _, tt := range []struct {
			key  *models.APIKey
			want models.Allowlist
		}{{inherits, policy.Allowlist}, {own, enforce("192.0.2.7/32")}} {
			row, err := s.APIKeyByDigest(s.ctx, tt.key.Digest)
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, "in effect for "+tt.key.Name, row.EffectiveAllowlist(), tt.want)
		}
		policy.ReviewOldDays = 90
		s.setPolicy(t, policy)
		modelstest.Equal(t, "epoch after another change of the policy", s.read(t, inherits).ChangedEpoch, epoch)

		seen, err := s.InheritingAddressesSeen(s.ctx, s.id, models.AddressesSince(s.Now()))
		if err != nil {
			t.Fatal(err)
		}
		want := []models.SeenAddress{{Address: "10.0.0.1", LastAt: s.Now().Add(-time.Minute), Keys: 1}, {Address: "203.0.113.9", LastAt: s.Now().Add(-time.Hour), Keys: 1}}
		modelstest.Equal(t, "addresses with the keys that inherit", seen, want)
		modelstest.Equal(t, "outside", policy.Allowlist.Outside(seen), want[1:])
		more, left := policy.Allowlist.With(seen)
		modelstest.Equal(t, "with the addresses", more, enforce("10.0.0.0/8 203.0.113.9/32"))
		modelstest.Equal(t, "left", left, 0)
	})
}

// Requests that an allowlist only reports are accepted, and are part of the report.
func TestUsageOutsideOfAnAllowlist(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		for _, outside := range []int64{0, 3, 2} {
			counts := countsOf(use{key, s.Now(), "203.0.113.9", "curl/8", "GET /me"})
			counts.Rows[0].Requests, counts.Rows[0].Outside = 5, outside
			record(t, s.Store, counts)
		}
		for _, window := range []usage.Window{usage.LastDays(s.Now(), 2, time.UTC), usage.LastDays(s.Now(), 2, time.FixedZone("", 3600))} {
			report, err := s.UsageReport(s.ctx, s.id, key.ID, window)
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, "requests", report.Total.Requests, 15)
			modelstest.Equal(t, "rejected", report.Total.Rejected, 0)
			modelstest.Equal(t, "outside", report.Total.Outside, 5)
		}
	})
}
