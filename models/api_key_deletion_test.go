package models_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func (s fixture) delete(t *testing.T, key *models.APIKey) models.DeletionReceipt {
	t.Helper()
	deleted, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation)
	if err != nil {
		t.Fatal(err)
	}
	receipt, ok := deleted.DeletionReceipt()
	if !ok {
		t.Fatal("deleted key has no receipt")
	}
	return receipt
}

func TestDeletionReceipt(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		if _, ok := key.DeletionReceipt(); ok {
			t.Error("key has a receipt before its deletion")
		}
		used := s.Now()
		if err := s.AddUsage(t.Context(), countsOf(use{key, used, "192.0.2.7", "curl/8", "GET /me"})); err != nil {
			t.Fatal(err)
		}
		s.Clock.Advance(time.Minute)
		receipt := s.delete(t, key)
		want := models.DeletionReceipt{
			CommittedAt: s.Now(), EffectiveAt: ptr(s.Now()), Nodes: new(0),
			LastUsedAt: &used, LastUsedAddress: "192.0.2.7", LastUsedRoute: "GET /me",
		}
		if diff := cmp.Diff(want, receipt); diff != "" {
			t.Errorf("receipt (-want +got):\n%s", diff)
		}
		event := eventsOf(t, s, key.ID)[0]
		modelstest.Equal(t, "action", event.Action, "api_key.deletion_in_force")
		modelstest.Equal(t, "detail last_used_route", event.Details["last_used_route"], "GET /me")
		if event.Details["in_force_at"] == "" {
			t.Error("detail in_force_at is empty")
		}
	})
}

func TestUseAfterDeletionIsReported(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]func(testing.TB) string{"sqlite": modelstest.SQLiteURL, "postgres": modelstest.PostgreSQLURL} {
		t.Run(name, func(t *testing.T) {
			var reported []string
			store, err := models.Open(address(t), models.Options{AcceptedAfterDeletion: func(ids []string) { reported = append(reported, ids...) }})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = store.Close() }()
			if _, err := store.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			workspace, _, err := store.CreateWorkspace(t.Context(), models.NewWorkspace{
				Name: "Acme", AdminEmail: "ada@acme.test", AdminName: "Ada", Password: modelstest.Password,
			})
			if err != nil {
				t.Fatal(err)
			}
			key, _, err := store.CreateAPIKey(t.Context(), workspace.ID, models.NewAPIKey{Name: "CI"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.DeleteAPIKey(t.Context(), workspace.ID, key.ID, models.NoConfirmation); err != nil {
				t.Fatal(err)
			}
			uses := func() {
				for _, at := range []time.Time{store.Now().Add(-time.Hour), store.Now().Add(time.Hour)} {
					if err := store.AddUsage(t.Context(), countsOf(use{key: key, at: at})); err != nil {
						t.Fatal(err)
					}
				}
			}
			uses() // in a process that hasn't applied the deletion, its clock proves nothing
			modelstest.Equal(t, "keys reported before the deletion is applied", len(reported), 0)
			node, err := store.RegisterNode(t.Context(), models.NewNode{Name: "node", StartedAt: store.Now()})
			if err != nil {
				t.Fatal(err)
			}
			state := models.UnknownKeys
			for range 2 {
				changes, err := store.KeyChanges(t.Context(), node, state)
				if err != nil {
					t.Fatal(err)
				}
				state = changes.State
			}
			uses()
			if diff := cmp.Diff([]string{key.ID}, reported); diff != "" {
				t.Errorf("reported keys (-want +got):\n%s", diff)
			}
			read, err := store.APIKey(t.Context(), workspace.ID, key.ID)
			if err != nil {
				t.Fatal(err)
			}
			if receipt, _ := read.DeletionReceipt(); !receipt.AcceptedAfter {
				t.Errorf("receipt = %+v, want AcceptedAfter", receipt)
			}
		})
	}
}

func TestRepeatedDeletionWaitsForFirst(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, other := s.key(t, "CI"), s.key(t, "Other")
		s.delete(t, key)
		for name, del := range map[string]func() error{
			"DeleteAPIKey": func() error {
				_, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation)
				return err
			},
			"BulkDeleteAPIKeys": func() error {
				_, err := s.BulkDeleteAPIKeys(s.ctx, s.id, []string{other.ID, key.ID}, models.NoConfirmation)
				return err
			},
		} {
			again := func() time.Duration {
				start := time.Now()
				wantKind(t, del(), models.NotFound)
				return time.Since(start)
			}
			s.Exec(t, "UPDATE revocation SET wait_ms = 5000")
			if took := again(); took >= 5*time.Second {
				t.Errorf("%s: took %v, although the first deletion was in effect", name, took)
			}
			s.Exec(t, "UPDATE revocation SET wait_ms = 300")
			s.Exec(t, "UPDATE api_keys SET deletion_in_force_at = NULL")
			if took := again(); took < 315*time.Millisecond {
				t.Errorf("%s: returned after %v, before the first deletion took effect", name, took)
			}
			if s.read(t, key).DeletionEffectiveAt == nil {
				t.Errorf("%s: DeletionEffectiveAt is nil", name)
			}
		}
		if s.read(t, other).DeletedAt != nil {
			t.Error("other key was deleted")
		}
	})
}

func TestFinishDeletions(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		left, finished := s.key(t, "Left"), s.key(t, "Finished")
		s.delete(t, left)
		s.delete(t, finished)
		before := s.read(t, finished).DeletionEffectiveAt
		s.Exec(t, "UPDATE api_keys SET deletion_in_force_at = NULL, deletion_committed_at = NULL WHERE id = $1", left.ID)
		s.Clock.Advance(time.Minute)
		s.silentNode(t, "silent")
		s.Exec(t, "UPDATE nodes SET applied_epoch = 0")
		start := time.Now()
		found, err := s.FinishDeletions(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "found", found, 1)
		if time.Since(start) < changeTime {
			t.Errorf("duration = %v, want at least %v", time.Since(start), changeTime)
		}
		receipt, _ := s.read(t, left).DeletionReceipt()
		modelstest.Equal(t, "effective at", receipt.EffectiveAt, new(s.Now()))
		modelstest.Equal(t, "took", receipt.Took, time.Minute)
		if after := s.read(t, finished).DeletionEffectiveAt; !after.Equal(*before) {
			t.Error("DeletionEffectiveAt of a finished deletion changed")
		}
		if found, err := s.FinishDeletions(t.Context()); err != nil || found != 0 {
			t.Errorf("second call finished %d: %v", found, err)
		}
	})
}

func TestDeletionSucceedsWithoutReceipt(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		updates := s.DB().Callback().Update()
		err := updates.Before("gorm:update").Register("reject_receipt", func(db *gorm.DB) {
			if values, ok := db.Statement.Dest.(map[string]any); ok && values["deletion_in_force_at"] != nil {
				_ = db.AddError(errStop)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		deleted, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation)
		if err := updates.Remove("reject_receipt"); err != nil {
			t.Fatal(err)
		}
		if err != nil || deleted.DeletedAt == nil {
			t.Fatalf("key = %+v, error = %v", deleted, err)
		}
		if read := s.read(t, key); read.DeletedAt == nil || read.DeletionEffectiveAt != nil {
			t.Errorf("row = %+v, want it deleted without a receipt", read)
		}
		if found, err := s.FinishDeletions(t.Context()); err != nil || found != 1 {
			t.Errorf("FinishDeletions finished %d: %v", found, err)
		}
	})
}

// TestReceiptIncludesLateUsage covers nodes that store the last use of a key after its deletion.
func TestReceiptIncludesLateUsage(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, used := s.key(t, "CI"), s.Now()
		record(t, s.Store, countsOf(use{key: key, at: used}))
		s.Clock.Advance(time.Hour)
		s.delete(t, key)
		if event := eventsOf(t, s, key.ID)[0]; event.Details["last_used_at"] != used.Format(time.RFC3339Nano) {
			t.Errorf("last use in the audit log = %q, want %v", event.Details["last_used_at"], used)
		}
		late := used.Add(time.Minute)
		record(t, s.Store, countsOf(use{key: key, at: late}))
		receipt, _ := s.read(t, key).DeletionReceipt()
		if receipt.LastUsedAt == nil || !receipt.LastUsedAt.Equal(late) {
			t.Errorf("last use in the receipt = %v, want %v", receipt.LastUsedAt, late)
		}
		if receipt.AcceptedAfter {
			t.Error("the receipt says that the key was accepted after its deletion")
		}
	})
}
