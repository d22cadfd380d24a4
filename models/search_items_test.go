package models_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

// search returns a line for each item that a search finds: its kind and its name or ID.
func (s fixture) search(t *testing.T, text string) []string {
	t.Helper()
	found, err := s.SearchItems(s.ctx, s.id, text)
	if err != nil {
		t.Fatalf("search for %.40q: %v", text, err)
	}
	var lines []string
	for _, key := range found.APIKeys {
		line := "key " + key.Name
		if key.Caller != nil {
			line += " called from " + key.Caller.Address
		}
		if key.Allows != "" {
			line += " allows " + key.Allows
		}
		lines = append(lines, line)
	}
	for range found.Others {
		lines = append(lines, "unknown key")
	}
	for _, scope := range found.Scopes {
		lines = append(lines, "scope "+scope.Name)
	}
	for _, member := range found.Members {
		lines = append(lines, "member "+member.DisplayName())
	}
	for _, endpoint := range found.Endpoints {
		lines = append(lines, "endpoint "+endpoint.URL)
	}
	for _, delivery := range found.Deliveries {
		lines = append(lines, "delivery "+delivery.ID)
	}
	for _, event := range found.Events {
		lines = append(lines, "event "+event.Action)
	}
	return lines
}

// called records a caller of a key.
func (s fixture) called(t *testing.T, key *models.APIKey, address, userAgent string) {
	t.Helper()
	record(t, s.Store, countsOf(use{key, s.Now(), address, userAgent, "GET /me"}))
}

func TestSearchItems(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		crm, secret, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "CRM sync", Description: "Owned by Grace", Scopes: scope.Of(scope.MembersRead)})
		if err != nil {
			t.Fatal(err)
		}
		limited, _, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "Billing", Allowlist: enforce("203.0.113.0/28 2001:db8::/32")})
		if err != nil {
			t.Fatal(err)
		}
		old := s.key(t, "Old CRM")
		if _, err := s.DeleteAPIKey(s.ctx, s.id, old.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		s.called(t, crm, "203.0.113.9", "Zapier/2.0")
		s.Clock.Advance(time.Second)
		s.called(t, crm, "2001:db8::1", "curl/8.5.0")
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		endpoint := s.endpoint(t)
		other := newFixture(t, s.Store, "Globex", "gil@globex.test")
		foreign, theirs, err := s.CreateAPIKey(other.ctx, other.id, models.NewAPIKey{Name: "CRM of Globex"})
		if err != nil {
			t.Fatal(err)
		}
		s.called(t, limited, "2001:db8::1", "curl/8.5.0")
		other.called(t, foreign, "203.0.113.9", "Zapier/2.0")
		foreignEndpoint := other.endpoint(t)
		event := s.lastEvent(t)
		for _, tt := range []struct {
			name, text string
			want       []string
		}{
			{"nothing", " \n", nil},
			{"key", secret.Reveal(), []string{"key CRM sync"}},
			{"key in a command, twice", "curl -H 'Authorization: Bearer " + secret.Reveal() + "' # " + secret.Reveal(), []string{"key CRM sync"}},
			{"key of another workspace", theirs.Reveal(), []string{"unknown key"}},
			{"prefix", crm.KeyPrefix, []string{"key CRM sync"}},
			{"more than the prefix", secret.Reveal()[:20], []string{"key CRM sync"}},
			{"name, deleted last", "crm", []string{"key CRM sync", "key Old CRM"}},
			{"description", "owned by", []string{"key CRM sync"}},
			{"IP address", "203.0.113.9", []string{"key CRM sync called from 203.0.113.9", "key Billing allows 203.0.113.0/28"}},
			{"IP address in another form", "2001:0db8:0::1", []string{"key CRM sync called from 2001:db8::1", "key Billing called from 2001:db8::1"}},
			{"network of an allowlist", "203.0.113.8/30", []string{"key Billing allows 203.0.113.0/28"}},
			{"IP address outside of an allowlist", "203.0.113.16", nil},
			{"part of an IP address", "203.0.113", []string{"key CRM sync called from 203.0.113.9"}},
			{"user agent", "ZAPIER", []string{"key CRM sync called from 203.0.113.9"}},
			{"short part of a user agent", "r/", nil}, // a key may start with random letters
			{"scope", "members.re", []string{"scope members.read"}},
			{"member", "grace@", []string{"member " + grace.DisplayName()}},
			{"endpoint", endpoint.URL[len("https://"):], []string{"endpoint " + endpoint.URL}},
			{"ID of a key", " " + crm.ID + "\n", []string{"key CRM sync", "event api_key.created"}},
			{"ID of a deleted key", old.ID, []string{"key Old CRM", "event api_key.deletion_in_force", "event api_key.deleted", "event api_key.created"}},
			{"ID of a member", s.admin.ID, []string{"member " + s.admin.DisplayName(), "event member.added"}},
			{"ID of an endpoint", endpoint.ID, []string{"endpoint " + endpoint.URL, "event webhook_endpoint.created"}},
			{"ID of an audit event", event.ID, []string{"event " + event.Action}},
			{"ID of a key in another workspace", foreign.ID, nil},
			{"ID of an endpoint in another workspace", foreignEndpoint.ID, nil},
			{"ID of a member of another workspace", other.admin.ID, nil},
			{"wildcards", "%", nil},
			{"invalid text", "\x00\xff", nil},
			{"long text", strings.Repeat("é", 100_000), nil},
		} {
			t.Run(tt.name, func(t *testing.T) {
				if diff := gocmp.Diff(tt.want, s.search(t, tt.text)); diff != "" {
					t.Errorf("found (-want +got):\n%s", diff)
				}
			})
		}
		wantUnchanged(t, s.Store, func() { s.search(t, secret.Reveal()) })
	})
}

// TestSearchItemsIsBounded checks that a search finds a few of many keys, and says that there are more.
func TestSearchItemsIsBounded(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for range models.MaxFoundAPIKeys + 1 {
			s.called(t, s.key(t, "Robot"), "203.0.113.9", "Roomba/1.0")
		}
		for _, text := range []string{"robot", "203.0.113.9", "roomba"} {
			found, err := s.SearchItems(s.ctx, s.id, text)
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, text+": keys", len(found.APIKeys), models.MaxFoundAPIKeys)
			modelstest.Equal(t, text+": more", found.More, true)
		}
	})
}

// lastEvent returns the latest audit event of the workspace.
func (s fixture) lastEvent(t *testing.T) models.AuditEvent {
	t.Helper()
	events, err := s.AuditEvents(s.ctx, s.id, models.AuditFilter{}, models.Page{})
	if err != nil || len(events.Items) == 0 {
		t.Fatalf("audit events: %v, %v", events.Items, err)
	}
	return slices.MaxFunc(events.Items, func(a, b models.AuditEvent) int { return strings.Compare(a.ID, b.ID) })
}

// A name may look like the beginning of a key.
func TestSearchRecognizesKeysWithAnyPrefix(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.apply(t, "key_prefix: acme\nresources: []")
		_, secret, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "CI"})
		if err != nil {
			t.Fatal(err)
		}
		s.key(t, "load_test_runners")
		text := secret.Reveal()
		for _, search := range []string{text, text[:len("acme_live_")+4] + "....", text[:len("acme_live_")+6], text[:30]} {
			modelstest.Equal(t, "keys found by the beginning of a key", s.search(t, search), []string{"key CI"})
			listed := keyNamesOf(t, s, models.APIKeyFilter{Search: search})
			if search != text { // the page replaces a whole key by its prefix
				modelstest.Equal(t, "keys listed by the beginning of a key", listed, []string{"CI"})
			}
		}
		modelstest.Equal(t, "keys found by name", s.search(t, "load_test_runners"), []string{"key load_test_runners"})
		modelstest.Equal(t, "keys listed by name", keyNamesOf(t, s, models.APIKeyFilter{Search: "load_test_runner"}), []string{"load_test_runners"})
	})
}
