package models_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

var hook = models.NewWebhookEndpoint{URL: "https://hooks.example.com/skipup", Events: []string{"seat.assigned", "api_key.created"}}

// endpoint creates an endpoint that subscribes to assigned seats and created keys.
func (s fixture) endpoint(t *testing.T) *models.WebhookEndpoint {
	t.Helper()
	endpoint, _, err := s.CreateWebhookEndpoint(s.ctx, s.id, hook)
	if err != nil {
		t.Fatalf("create webhook endpoint: %v", err)
	}
	return endpoint
}

func (s fixture) edit(t *testing.T, id string, edit models.WebhookEndpointEdit) *models.WebhookEndpoint {
	t.Helper()
	endpoint, err := s.EditWebhookEndpoint(s.ctx, s.id, id, edit)
	if err != nil {
		t.Fatalf("edit webhook endpoint: %v", err)
	}
	return endpoint
}

func TestCreateWebhookEndpoint(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		made, secret, err := s.CreateWebhookEndpoint(s.ctx, s.id, hook)
		if err != nil {
			t.Fatal(err)
		}
		if text := secret.Reveal(); !strings.HasPrefix(text, "whsec_") || len(text) != len("whsec_")+44 {
			t.Errorf("secret has %d characters, want %d", len(text), len("whsec_")+44)
		}
		read, err := s.WebhookEndpoint(s.ctx, s.id, made.ID)
		if diff := cmp.Diff(made, read); diff != "" || err != nil {
			t.Errorf("error = %v; stored endpoint (-created +stored):\n%s", err, diff)
		}
		if got := made.Events.String(); got != "api_key.created seat.assigned" || !made.Enabled() {
			t.Errorf("events = %q, enabled = %v", got, made.Enabled())
		}
		if dump := s.Dump(t); strings.Contains(dump, secret.Reveal()) || strings.Contains(dump, strings.TrimPrefix(secret.Reveal(), "whsec_")) {
			t.Error("database contains the secret in plain text")
		}
		events, err := s.AuditEventsOf(s.ctx, s.id, made.ID, 9)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) != 1 {
			t.Fatalf("events = %+v, want 1", events)
		}
		modelstest.Equal(t, "events[0] action", events[0].Action, "webhook_endpoint.created")
		modelstest.Equal(t, "events[0] target name", events[0].TargetName, "hooks.example.com")
	})
}

func TestWebhookEndpointRejections(t *testing.T) {
	type endpoint = models.NewWebhookEndpoint
	good := hook.Events
	long := strings.Repeat("x", 501)
	tests := []struct {
		name  string
		input endpoint
		field string
	}{
		{"no address", endpoint{Events: good}, "url"},
		{"http", endpoint{URL: "http://hooks.example.com", Events: good}, "url"},
		{"no scheme", endpoint{URL: "hooks.example.com", Events: good}, "url"},
		{"another scheme", endpoint{URL: "ftp://hooks.example.com", Events: good}, "url"},
		{"opaque", endpoint{URL: "https:hooks.example.com", Events: good}, "url"},
		{"no host", endpoint{URL: "https:///x", Events: good}, "url"},
		{"user name", endpoint{URL: "https://a@hooks.example.com", Events: good}, "url"},
		{"fragment", endpoint{URL: "https://hooks.example.com/#x", Events: good}, "url"},
		{"port of mail", endpoint{URL: "https://hooks.example.com:25", Events: good}, "url"},
		{"too long", endpoint{URL: "https://hooks.example.com/" + strings.Repeat("x", 2000), Events: good}, "url"},
		{"line break", endpoint{URL: "https://hooks.example.com/\n", Events: good}, "url"},
		{"not ASCII", endpoint{URL: "https://schlüssel.example.com/", Events: good}, "url"},
		{"loopback", endpoint{URL: "https://127.0.0.1/", Events: good}, "url"},
		{"localhost", endpoint{URL: "https://LOCALHOST./", Events: good}, "url"},
		{"one label", endpoint{URL: "https://intranet/", Events: good}, "url"},
		{"long description", endpoint{URL: hook.URL, Events: good, Description: &long}, "description"},
		{"no events", endpoint{URL: hook.URL}, "events"},
		{"unknown event", endpoint{URL: hook.URL, Events: []string{"seat.assigned", "seat.sold"}}, "events[1]"},
		{"ping", endpoint{URL: hook.URL, Events: []string{"webhook_endpoint.ping"}}, "events[0]"},
		{"an event twice", endpoint{URL: hook.URL, Events: []string{"seat.assigned", "seat.assigned"}}, "events[1]"},
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		made := s.endpoint(t)
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				wantUnchanged(t, s.Store, func() {
					_, _, err := s.CreateWebhookEndpoint(s.ctx, s.id, tt.input)
					wantKind(t, err, models.Invalid)
					wantFields(t, err, tt.field)
					_, err = s.EditWebhookEndpoint(s.ctx, s.id, made.ID, models.WebhookEndpointEdit{
						URL: models.To(tt.input.URL), Description: models.To(tt.input.Description), Events: models.To(tt.input.Events),
					})
					wantFields(t, err, tt.field)
				})
			})
		}
	})
}

func TestEditWebhookEndpoint(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		made := s.endpoint(t)
		s.Clock.Advance(time.Second)
		about := "For the CRM"
		s.edit(t, made.ID, models.WebhookEndpointEdit{Description: models.To(&about)})
		s.edit(t, made.ID, models.WebhookEndpointEdit{URL: models.To("https://other.example.com:8443/x"), Events: models.To([]string{"member.added"})})
		off := s.edit(t, made.ID, models.WebhookEndpointEdit{Enabled: models.To(false)})
		modelstest.Equal(t, "enabled", off.Enabled(), false)
		modelstest.Equal(t, "disabled reason", off.DisabledReason, new(models.DisabledManually))
		modelstest.Equal(t, "disabled at", off.DisabledAt, new(s.Now()))
		s.edit(t, made.ID, models.WebhookEndpointEdit{Enabled: models.To(false)})
		s.edit(t, made.ID, models.WebhookEndpointEdit{Enabled: models.To(true)})
		want := *made
		want.URL, want.Description, want.Events, want.UpdatedAt = "https://other.example.com:8443/x", &about, models.EventList{"member.added"}, s.Now()
		read, err := s.WebhookEndpoint(s.ctx, s.id, made.ID)
		if diff := cmp.Diff(&want, read); diff != "" || err != nil {
			t.Error(diff, err)
		}
		var actions []string
		events, err := s.AuditEventsOf(s.ctx, s.id, made.ID, 9)
		for _, event := range events {
			actions = append(actions, strings.TrimPrefix(event.Action, "webhook_endpoint."))
		}
		if got := strings.Join(actions, " "); got != "enabled disabled updated updated created" || err != nil {
			t.Errorf("actions = %s, error = %v", got, err)
		}
	})
}

func TestDeleteWebhookEndpoint(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		made := s.endpoint(t)
		s.key(t, "CI")
		if err := s.DeleteWebhookEndpoint(s.ctx, s.id, made.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"webhook_endpoints", "webhook_secrets", "webhook_deliveries"} {
			var left int64
			if err := s.DB().Table(table).Count(&left).Error; err != nil || left != 0 {
				t.Errorf("rows left in %s = %d, error = %v; want 0", table, left, err)
			}
		}
		wantKind(t, s.DeleteWebhookEndpoint(s.ctx, s.id, made.ID, models.NoConfirmation), models.NotFound)
		s.key(t, "goes on")
	})
}

func TestWebhookEndpointsOfOtherWorkspacesAreHidden(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		made := s.endpoint(t)
		s.key(t, "CI")
		delivery := s.deliveries(t, made.ID)[0]
		other := newFixture(t, s.Store, "Other", "eve@other.test")
		wantUnchanged(t, s.Store, func() {
			for name, do := range map[string]func() error{
				"read": func() error { _, err := s.WebhookEndpoint(s.ctx, other.id, made.ID); return err },
				"edit": func() error {
					_, err := s.EditWebhookEndpoint(s.ctx, other.id, made.ID, models.WebhookEndpointEdit{Enabled: models.To(false)})
					return err
				},
				"delete": func() error { return s.DeleteWebhookEndpoint(s.ctx, other.id, made.ID, models.NoConfirmation) },
				"rotate": func() error { _, _, err := s.RotateWebhookSecret(s.ctx, other.id, made.ID); return err },
				"ping":   func() error { _, err := s.PingWebhookEndpoint(s.ctx, other.id, made.ID); return err },
				"deliveries": func() error {
					_, err := s.WebhookDeliveries(s.ctx, other.id, made.ID, models.DeliveryFilter{}, models.Page{})
					return err
				},
				"delivery": func() error { _, err := s.WebhookDelivery(s.ctx, other.id, made.ID, delivery.ID); return err },
				"retry":    func() error { _, err := s.RetryWebhookDelivery(s.ctx, other.id, made.ID, delivery.ID); return err },
			} {
				if err := do(); !models.IsKind(err, models.NotFound) {
					t.Errorf("%s: %v, want NotFound", name, err)
				}
			}
		})
		if list, err := s.WebhookEndpoints(s.ctx, other.id, models.Page{}); err != nil || len(list.Items) != 0 {
			t.Errorf("endpoints of another workspace = %d, error = %v; want 0", len(list.Items), err)
		}
		if health, err := s.WebhookHealth(s.ctx, other.id, made.ID); err != nil || health != (models.WebhookHealth{}) {
			t.Errorf("health in another workspace = %+v, error = %v; want zero", health, err)
		}
	})
}

func TestWebhookEndpointLimit(t *testing.T) {
	s := newFixture(t, modelstest.NewSQLite(t), "Acme", "ada@acme.test")
	for i := range models.MaxWebhookEndpoints {
		n := hook
		n.URL += fmt.Sprint(i)
		if _, _, err := s.CreateWebhookEndpoint(s.ctx, s.id, n); err != nil {
			t.Fatal(err)
		}
	}
	wantUnchanged(t, s.Store, func() {
		_, _, err := s.CreateWebhookEndpoint(s.ctx, s.id, hook)
		wantKind(t, err, models.FailedPrecondition)
	})
}

func TestWebhooksNeedEncryptionKey(t *testing.T) {
	s := newFixture(t, modelstest.NewSQLite(t), "Acme", "ada@acme.test")
	bare, err := models.Open(s.URL, models.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = bare.Close() }()
	wantUnchanged(t, s.Store, func() {
		_, _, err := bare.CreateWebhookEndpoint(s.ctx, s.id, hook)
		wantKind(t, err, models.FailedPrecondition)
		wantContains(t, err.Error(), "SKIPUP_ENCRYPTION_KEY")
	})
}

func TestAllowPrivateWebhooks(t *testing.T) {
	s := newFixture(t, modelstest.NewSQLite(t), "Acme", "ada@acme.test")
	lax, err := models.Open(s.URL, models.Options{EncryptionKeys: [][]byte{modelstest.EncryptionKey}, AllowPrivateWebhooks: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lax.Close() }()
	local := hook
	local.URL = "http://127.0.0.1:9000/"
	if _, _, err := lax.CreateWebhookEndpoint(s.ctx, s.id, local); err != nil {
		t.Error(err)
	}
	local.URL = "gopher://127.0.0.1:9000/"
	_, _, err = lax.CreateWebhookEndpoint(s.ctx, s.id, local)
	wantFields(t, err, "url")
}

func TestPingWhileEndpointIsDeleted(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for range 20 {
			endpoint := s.endpoint(t)
			for _, err := range atOnce(6, func(i int) error {
				if i == 3 {
					return s.DeleteWebhookEndpoint(s.ctx, s.id, endpoint.ID, models.NoConfirmation)
				}
				_, err := s.PingWebhookEndpoint(s.ctx, s.id, endpoint.ID)
				return err
			}) {
				if err != nil && !models.IsKind(err, models.NotFound) {
					t.Error(err)
				}
			}
		}
	})
}
