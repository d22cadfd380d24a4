package models_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

func TestCreateAPIKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		expiry := s.Now().Add(90 * 24 * time.Hour)
		key, secret, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{
			Name: "CI <b>&", Scopes: scope.Of(scope.SeatsRead, scope.MembersWrite), ExpiresAt: &expiry, FormID: "form",
		})
		if err != nil {
			t.Fatal(err)
		}
		want := &models.APIKey{
			ID: key.ID, WorkspaceID: s.id, Name: "CI <b>&", KeyPrefix: secret.Reveal()[:12] + "....", Digest: secret.Digest(),
			Scopes: scope.Of(scope.SeatsRead, scope.MembersWrite), ExpiresAt: &expiry, FormID: ptr("form"),
			CreatedByType: models.ActorMember, CreatedByID: &s.admin.ID, CreatedByName: "Ada Admin", OwnerID: &s.admin.ID, CreatedAt: s.Now(), UpdatedAt: s.Now(),
		}
		if !strings.HasPrefix(key.ID, "key_") {
			t.Errorf("id = %s, want prefix key_", key.ID)
		}
		digest, err := token.Parse(secret.Reveal())
		if err != nil {
			t.Fatalf("parse secret: %v", err)
		}
		for name, read := range map[string]func() (*models.APIKey, error){
			"returned":        func() (*models.APIKey, error) { return key, nil },
			"by id":           func() (*models.APIKey, error) { return s.APIKey(s.ctx, s.id, key.ID) },
			"by digest":       func() (*models.APIKey, error) { return s.APIKeyByDigest(s.ctx, digest) },
			"by form":         func() (*models.APIKey, error) { return s.APIKeyByFormID(s.ctx, s.id, "form") },
			"on another node": func() (*models.APIKey, error) { return s.Another(t).APIKeyByID(s.ctx, key.ID) },
		} {
			got, err := read()
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if want.WorkspaceAllowlist = (models.Allowlist{}); name == "by digest" {
				want.WorkspaceAllowlist.Mode = models.AllowlistNone
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func ptr[T any](value T) *T { return &value }

func TestCreateAPIKeyRejectsInvalidValues(t *testing.T) {
	now := modelstest.Start
	tests := []struct {
		name   string
		n      models.NewAPIKey
		fields []string
	}{
		{"no name", models.NewAPIKey{}, []string{"name"}},
		{"blank name", models.NewAPIKey{Name: " \t "}, []string{"name"}},
		{"invisible name", models.NewAPIKey{Name: "\u200b\u2060\ufeff"}, []string{"name"}},
		{"101 characters", models.NewAPIKey{Name: strings.Repeat("é", 101)}, []string{"name"}},
		{"NUL", models.NewAPIKey{Name: "CI\x00"}, []string{"name"}},
		{"two lines", models.NewAPIKey{Name: "CI\r\nX-Header: 1"}, []string{"name"}},
		{"escape sequence", models.NewAPIKey{Name: "\x1b[31mCI"}, []string{"name"}},
		{"invalid UTF-8", models.NewAPIKey{Name: "CI\xc3\x28"}, []string{"name"}},
		{"expired", models.NewAPIKey{Name: "CI", ExpiresAt: ptr(now.Add(-time.Hour))}, []string{"expires_at"}},
		{"expires now", models.NewAPIKey{Name: "CI", ExpiresAt: ptr(now)}, []string{"expires_at"}},
		{"expires within this millisecond", models.NewAPIKey{Name: "CI", ExpiresAt: ptr(now.Add(999 * time.Microsecond))}, []string{"expires_at"}},
		{"expires at the zero time", models.NewAPIKey{Name: "CI", ExpiresAt: &time.Time{}}, []string{"expires_at"}},
		{"year 10000", models.NewAPIKey{Name: "CI", ExpiresAt: ptr(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))}, []string{"expires_at"}},
		{"year 10000 in UTC", models.NewAPIKey{Name: "CI", ExpiresAt: ptr(time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("west", -7200)))}, []string{"expires_at"}},
		{"both", models.NewAPIKey{ExpiresAt: &now}, []string{"name", "expires_at"}},
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				wantUnchanged(t, s.Store, func() {
					key, secret, err := s.CreateAPIKey(s.ctx, s.id, tt.n)
					wantFields(t, err, tt.fields...)
					if key != nil || secret.Reveal() != "" {
						t.Errorf("key = %v, want none", key)
					}
				})
			})
		}
		s.keyOf(t, models.NewAPIKey{Name: strings.Repeat("é", 100), ExpiresAt: ptr(now.Add(time.Millisecond))})
		s.keyOf(t, models.NewAPIKey{Name: "x", ExpiresAt: ptr(time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC))})
		wantUnchanged(t, s.Store, func() {
			_, _, err := s.CreateAPIKey(s.ctx, "ws_none", models.NewAPIKey{Name: "CI"})
			if err == nil {
				t.Error("key was created in a workspace that does not exist")
			}
		})
	})
}

func TestCreateAPIKeyLimitsScopesToCreator(t *testing.T) {
	granted := scope.Of(scope.APIKeysWrite, scope.SeatsRead)
	tests := []struct {
		name string
		want scope.Set
		ok   bool
	}{
		{"nothing", scope.Set{}, true},
		{"one of them", scope.Of(scope.SeatsRead), true},
		{"all of them", granted, true},
		{"one more", granted.With(scope.Of(scope.SeatsWrite)), false},
		{"write for a read", scope.Of(scope.SeatsWrite), false},
		{"read for a write", scope.Of(scope.APIKeysRead), false},
		{"everything", scope.All, false},
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		creator := s
		creator.ctx = s.asKey(t, granted)
		for _, tt := range tests {
			n := models.NewAPIKey{Name: tt.name, Scopes: tt.want}
			if tt.ok {
				if got := creator.keyOf(t, n); got.Scopes != tt.want {
					t.Errorf("%s: scopes = %q, want %q", tt.name, got.Scopes, tt.want)
				}
				continue
			}
			wantUnchanged(t, s.Store, func() {
				_, _, err := s.CreateAPIKey(creator.ctx, s.id, n)
				wantKind(t, err, models.Forbidden)
			})
		}
		s.keyOf(t, models.NewAPIKey{Name: "created by a person", Scopes: scope.All})
	})
}

func TestCreateAPIKeyOncePerForm(t *testing.T) {
	isFormUsed := func(err error) bool { return errors.Is(err, models.ErrFormAlreadyUsed) }
	eachDatabase(t, func(t *testing.T, s fixture) {
		nodes := []fixture{s, {s.Another(t), s.id, s.admin, s.ctx}}
		for _, form := range []string{"form", "bad\x00\xff", strings.Repeat("long ", 10_000)} {
			wantOneWinner(t, atOnce(20, func(i int) error {
				_, _, err := nodes[i%2].CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "CI", FormID: form})
				return err
			}), isFormUsed)
			key, err := s.APIKeyByFormID(s.ctx, s.id, form)
			if err != nil || key.Name != "CI" {
				t.Errorf("key of form %.10q = %v, error = %v", form, key, err)
				continue
			}
			if events := eventsOf(t, s, key.ID); len(events) != 1 {
				t.Errorf("audit events of the key = %d, want 1", len(events))
			}
		}
		wantCount(t, s.Store, "api_keys", 3)
		wantCount(t, s.Store, "audit_events", 2+3)

		other := newFixture(t, s.Store, "Other", "eve@other.test")
		other.keyOf(t, models.NewAPIKey{Name: "same form in another workspace", FormID: "form"})
		s.keyOf(t, models.NewAPIKey{Name: "no form"})
		s.keyOf(t, models.NewAPIKey{Name: "still no form"})
	})
}

func TestRenameAPIKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, expired := s.key(t, "CI"), s.keyThatExpires(t, "Old", s.Now().Add(-time.Hour))
		s.Clock.Advance(time.Minute)
		for id, was := range map[string]string{key.ID: "CI", expired.ID: "Old"} {
			if err := s.RenameAPIKey(s.ctx, s.id, id, "Builds"); err != nil {
				t.Fatalf("rename %s: %v", was, err)
			}
			renamed, err := s.APIKey(s.ctx, s.id, id)
			if err != nil {
				t.Fatalf("%s: %v", was, err)
			}
			modelstest.Equal(t, was+" name", renamed.Name, "Builds")
			modelstest.Equal(t, was+" updated at", renamed.UpdatedAt, s.Now())
			modelstest.Equal(t, was+" created now", renamed.CreatedAt.Equal(s.Now()), false)
			wantEvent(t, s, id, "api_key.renamed")
			if e := eventsOf(t, s, id)[0]; e.TargetName != "Builds" || e.Details["from"] != was {
				t.Errorf("event = %+v, want a rename from %s", e, was)
			}
		}
		wantUnchanged(t, s.Store, func() {
			wantFields(t, s.RenameAPIKey(s.ctx, s.id, key.ID, ""), "name")
			wantFields(t, s.RenameAPIKey(s.ctx, s.id, key.ID, "a\nb"), "name")
			wantFields(t, s.RenameAPIKey(s.ctx, s.id, key.ID, strings.Repeat("a", 101)), "name")
		})
	})
}

func TestDeleteAPIKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		s.Clock.Advance(time.Minute)
		deleted, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := s.APIKeyByDigest(s.ctx, key.Digest)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []*models.APIKey{deleted, stored} {
			modelstest.Equal(t, "deleted at", k.DeletedAt, new(s.Now()))
			modelstest.Equal(t, "deleted by name", k.DeletedByName, "Ada Admin")
			modelstest.Equal(t, "accepted", k.AcceptedAt(s.Now()), false)
			modelstest.Equal(t, "name", k.Name, "CI")
		}
		events := eventsOf(t, s, key.ID)
		if events[0].Action != "api_key.deletion_in_force" || events[0].ActorType != models.ActorSystem {
			t.Errorf("newest event = %s by %s, want api_key.deletion_in_force by the system", events[0].Action, events[0].ActorType)
		}
		s.wantByAdmin(t, events[1], "api_key.deleted")
		wantUnchanged(t, s.Store, func() {
			_, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation)
			wantKind(t, err, models.NotFound)
			wantKind(t, s.RenameAPIKey(s.ctx, s.id, key.ID, "Back"), models.NotFound)
		})
		if _, err := s.DeleteAPIKey(s.ctx, s.id, s.keyThatExpires(t, "Old", s.Now()).ID, models.NoConfirmation); err != nil {
			t.Errorf("delete expired key: %v", err)
		}
	})
}

func TestConcurrentDeletionsHaveOneWinner(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, nodes := s.key(t, "CI"), []fixture{s, {s.Another(t), s.id, s.admin, s.ctx}}
		wantOneWinner(t, atOnce(20, func(i int) error {
			_, err := nodes[i%2].DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation)
			return err
		}), isNotFound)
		if events := eventsOf(t, s, key.ID); len(events) != 3 {
			t.Errorf("events = %+v, want creation, deletion and receipt", events)
		}
	})
}

func TestKeysOfAnotherWorkspaceAreNotFound(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		other := newFixture(t, s.Store, "Other", "eve@other.test")
		hers := other.keyOf(t, models.NewAPIKey{Name: "Hers", FormID: "form"})
		tries := map[string]func(id string) error{
			"APIKey":       func(id string) error { _, err := s.APIKey(s.ctx, s.id, id); return err },
			"RenameAPIKey": func(id string) error { return s.RenameAPIKey(s.ctx, s.id, id, "Mine") },
			"DeleteAPIKey": func(id string) error { _, err := s.DeleteAPIKey(s.ctx, s.id, id, models.NoConfirmation); return err },
			"BulkDeleteAPIKeys": func(id string) error {
				_, err := s.BulkDeleteAPIKeys(s.ctx, s.id, []string{id}, models.NoConfirmation)
				return err
			},
		}
		wantUnchanged(t, s.Store, func() {
			for name, try := range tries {
				missing := try("key_01ARZ3NDEKTSV4RRFFQ69G5FAV")
				wantKind(t, missing, models.NotFound)
				for _, id := range []string{hers.ID, "", "key_", strings.ToLower(hers.ID), hers.ID + " ", "\x00", "\xff", "' OR 1=1 --", "%", strings.Repeat("k", 1<<16)} {
					if err := try(id); err == nil || err.Error() != missing.Error() {
						t.Errorf("%s(%.40q): error = %v, want %v", name, id, err, missing)
					}
					if found, err := s.APIKeysByID(s.ctx, s.id, []string{id}); err != nil || len(found) > 0 {
						t.Errorf("APIKeysByID(%.40q) = %v, error = %v, want none", id, found, err)
					}
				}
			}
			_, err := s.APIKeyByFormID(s.ctx, s.id, "form")
			wantKind(t, err, models.NotFound)
			_, err = s.APIKeyByDigest(s.ctx, token.Digest{})
			wantKind(t, err, models.NotFound)
		})
		list, err := s.APIKeys(s.ctx, s.id, models.APIKeyFilter{PageNumber: 1, PageSize: 25})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "keys", len(list.Keys), 0)
		modelstest.Equal(t, "matching", list.Matching, 0)
		modelstest.Equal(t, "counts", len(list.Counts), 0)
		if events := eventsOf(t, s, hers.ID); len(events) != 0 {
			t.Errorf("audit events = %+v, want none", events)
		}
		wantNames(t, s, s.Store.Store)
	})
}
