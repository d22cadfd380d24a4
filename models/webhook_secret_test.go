package models_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// secretsOf returns the secrets that a delivery to an endpoint is signed with.
func (s fixture) secretsOf(t *testing.T, store *models.Store, endpointID string) []string {
	t.Helper()
	ping, err := s.PingWebhookEndpoint(s.ctx, s.id, endpointID)
	if err != nil {
		t.Fatal(err)
	}
	claimed, err := store.ClaimDeliveries(s.ctx, []models.ClaimLimit{{EndpointID: endpointID, AtMost: 99}})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range claimed {
		if d.ID == ping.ID {
			texts := []string{}
			for _, secret := range d.Secrets {
				texts = append(texts, secret.Reveal())
			}
			return texts
		}
	}
	t.Fatal("ping is not due")
	return nil
}

func wantSecrets(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("signed with %d secrets, want %d, or others", len(got), len(want))
	}
}

func TestRotatedSecretsSignForADay(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint, first, err := s.CreateWebhookEndpoint(s.ctx, s.id, hook)
		if err != nil {
			t.Fatal(err)
		}
		wantSecrets(t, s.secretsOf(t, s.Store.Store, endpoint.ID), first.Reveal())
		s.Clock.Advance(time.Minute)
		_, second, err := s.RotateWebhookSecret(s.ctx, s.id, endpoint.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantSecrets(t, s.secretsOf(t, s.Store.Store, endpoint.ID), second.Reveal(), first.Reveal())
		s.Clock.Advance(time.Hour)
		_, third, err := s.RotateWebhookSecret(s.ctx, s.id, endpoint.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantSecrets(t, s.secretsOf(t, s.Store.Store, endpoint.ID), third.Reveal(), second.Reveal(), first.Reveal())
		s.Clock.Advance(models.WebhookSecretOverlap - time.Hour)
		wantSecrets(t, s.secretsOf(t, s.Store.Store, endpoint.ID), third.Reveal(), second.Reveal())
		s.Clock.Advance(time.Hour)
		wantSecrets(t, s.secretsOf(t, s.Store.Store, endpoint.ID), third.Reveal())
		if err := s.PurgeExpired(s.ctx); err != nil {
			t.Fatal(err)
		}
		var left int64
		if err := s.DB().Table("webhook_secrets").Count(&left).Error; err != nil || left != 1 {
			t.Errorf("secrets after the purge = %d, error = %v; want 1", left, err)
		}
	})
}

func TestWebhookSecretRotationLimit(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		for range 4 {
			if _, _, err := s.RotateWebhookSecret(s.ctx, s.id, endpoint.ID); err != nil {
				t.Fatal(err)
			}
		}
		wantUnchanged(t, s.Store, func() {
			_, _, err := s.RotateWebhookSecret(s.ctx, s.id, endpoint.ID)
			wantKind(t, err, models.FailedPrecondition)
		})
		s.Clock.Advance(models.WebhookSecretOverlap)
		if _, _, err := s.RotateWebhookSecret(s.ctx, s.id, endpoint.ID); err != nil {
			t.Error(err)
		}
	})
}

func TestResealSecrets(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint, secret, err := s.CreateWebhookEndpoint(s.ctx, s.id, hook)
		if err != nil {
			t.Fatal(err)
		}
		next := []byte("another encryption key, of later")
		node := func(keys ...[]byte) *models.Store {
			store, err := models.Open(s.URL, models.Options{Clock: s.Clock.Now, EncryptionKeys: keys})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = store.Close() })
			return store
		}
		// A node that does not have the key leaves the deliveries to those that do.
		s.key(t, "CI")
		claimed, err := node(next).ClaimDeliveries(s.ctx, []models.ClaimLimit{{EndpointID: endpoint.ID, AtMost: 9}})
		if len(claimed) > 0 {
			t.Errorf("claimed = %d, want 0", len(claimed))
		}
		if err == nil {
			t.Fatal("error = nil, want one")
		}
		wantContains(t, err.Error(), "SKIPUP_ENCRYPTION_KEY")
		if _, err := node(next).ResealSecrets(s.ctx); err == nil {
			t.Error("ResealSecrets succeeded without the old key")
		}
		both := node(next, modelstest.EncryptionKey)
		wantSecrets(t, s.secretsOf(t, both, endpoint.ID), secret.Reveal())
		if n, err := both.ResealSecrets(s.ctx); n != 1 || err != nil {
			t.Errorf("resealed = %d, error = %v; want 1", n, err)
		}
		if n, err := both.ResealSecrets(s.ctx); n != 0 || err != nil {
			t.Errorf("resealed again = %d, error = %v; want 0", n, err)
		}
		wantSecrets(t, s.secretsOf(t, node(next), endpoint.ID), secret.Reveal())
	})
}

func TestResealSkipsUnreadableSecrets(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		lost := s.endpoint(t)
		s.Exec(t, "UPDATE webhook_secrets SET sealed = $1 WHERE endpoint_id = $2", append([]byte{1}, make([]byte, 60)...), lost.ID)
		endpoint, secret, err := s.CreateWebhookEndpoint(s.ctx, s.id, hook)
		if err != nil {
			t.Fatal(err)
		}
		next := []byte("another encryption key, of later")
		node := func(keys ...[]byte) *models.Store {
			store, err := models.Open(s.URL, models.Options{Clock: s.Clock.Now, EncryptionKeys: keys})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = store.Close() })
			return store
		}
		n, err := node(next, modelstest.EncryptionKey).ResealSecrets(s.ctx)
		modelstest.Equal(t, "resealed", n, 1)
		if err == nil {
			t.Fatal("error = nil, want one")
		}
		wantContains(t, err.Error(), lost.ID)
		wantSecrets(t, s.secretsOf(t, node(next), endpoint.ID), secret.Reveal())
	})
}

func TestRotationDiscardsUnreadableSecret(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		lost, intact := s.endpoint(t), s.endpoint(t)
		s.Exec(t, "UPDATE webhook_secrets SET sealed = $1 WHERE endpoint_id = $2", append([]byte{1}, make([]byte, 60)...), lost.ID)
		unreadable := func() models.UnreadableSecrets {
			found, err := s.UnreadableSecrets(s.ctx)
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		if diff := cmp.Diff(models.UnreadableSecrets{Endpoints: []string{lost.ID}, LostKey: true}, unreadable()); diff != "" {
			t.Errorf("unreadable secrets (-want +got):\n%s", diff)
		}
		for id, want := range map[string]bool{lost.ID: true, intact.ID: false} {
			if health, err := s.WebhookHealth(s.ctx, s.id, id); err != nil || health.Unreadable != want {
				t.Errorf("health of %s: unreadable = %v, error = %v; want %v", id, health.Unreadable, err, want)
			}
		}
		_, secret, err := s.RotateWebhookSecret(s.ctx, s.id, lost.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantSecrets(t, s.secretsOf(t, s.Store.Store, lost.ID), secret.Reveal())
		if found := unreadable(); len(found.Endpoints) != 0 || found.LostKey {
			t.Errorf("unreadable secrets after the rotation = %+v, want none", found)
		}
	})
}

func TestExpiredUnreadableSecretIsNoProblem(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		if _, _, err := s.RotateWebhookSecret(s.ctx, s.id, endpoint.ID); err != nil {
			t.Fatal(err)
		}
		s.Exec(t, "UPDATE webhook_secrets SET sealed = $1 WHERE expires_at IS NOT NULL", []byte("damaged"))
		found, err := s.UnreadableSecrets(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "endpoints", len(found.Endpoints), 1)
		modelstest.Equal(t, "lost key", found.LostKey, false)
		s.Clock.Advance(models.WebhookSecretOverlap)
		if found, err = s.UnreadableSecrets(s.ctx); err != nil || len(found.Endpoints) != 0 {
			t.Errorf("unreadable secrets after it expired = %+v, error = %v; want none", found, err)
		}
	})
}

// TestSealedSecretBelongsToItsRow checks that a secret can't be moved to another endpoint in the
// database.
func TestSealedSecretBelongsToItsRow(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		mine, theirs := s.endpoint(t), s.endpoint(t)
		s.Exec(t, "UPDATE webhook_secrets SET sealed = (SELECT sealed FROM webhook_secrets WHERE endpoint_id = $1)", mine.ID)
		s.key(t, "CI")
		claimed, err := s.ClaimDeliveries(s.ctx, []models.ClaimLimit{{EndpointID: mine.ID, AtMost: 9}, {EndpointID: theirs.ID, AtMost: 9}})
		if err == nil {
			t.Error("error = nil, want one")
		}
		if len(claimed) != 1 {
			t.Fatalf("claimed = %+v, want 1", claimed)
		}
		modelstest.Equal(t, "claimed[0] endpoint ID", claimed[0].EndpointID, mine.ID)
	})
}

func TestEncryptionKeyLength(t *testing.T) {
	if _, err := models.Open(modelstest.SQLiteURL(t), models.Options{EncryptionKeys: [][]byte{[]byte("short")}}); err == nil {
		t.Error("Open accepted a short encryption key")
	}
}
