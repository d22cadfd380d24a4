package models_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

func (s fixture) schedule(t *testing.T, key *models.APIKey) *models.APIKey {
	t.Helper()
	scheduled, err := s.ScheduleDeletion(s.ctx, s.id, key.ID, models.Confirmation{Name: key.Name})
	if err != nil {
		t.Fatal(err)
	}
	return scheduled
}

// deleteScheduled deletes the keys that are due and returns their number.
func deleteScheduled(t *testing.T, s *modelstest.Store) int {
	t.Helper()
	deleted, err := s.DeleteScheduledKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return deleted
}

func TestScheduleDeletion(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, at := s.key(t, "CI"), s.Now().Add(models.DeletionDelay)
		s.silentNode(t, "silent")
		start := time.Now()
		returned := s.schedule(t, key)
		if took := time.Since(start); took < changeTime {
			t.Errorf("returned after %v, before the pause took effect", took)
		}
		for name, k := range map[string]*models.APIKey{"returned": returned, "stored": s.read(t, key)} {
			modelstest.Equal(t, name+" is scheduled", k.IsScheduledForDeletion(), true)
			modelstest.Equal(t, name+" delete at", k.DeleteAt, &at)
			modelstest.Equal(t, name+" delete at by name", k.DeleteAtByName, s.admin.User.Name)
			modelstest.Equal(t, name+" paused at", k.PausedAt, new(s.Now()))
			modelstest.Equal(t, name+" status a year later", k.StatusAt(at.AddDate(1, 0, 0)), models.KeyPaused)
			modelstest.Equal(t, name+" delete_at in the API", time.Time(*k.Wire(s.Scopes(), s.Clock.Now()).DeleteAt), at)
			modelstest.Equal(t, name+" paused_until in the API", k.Wire(s.Scopes(), s.Clock.Now()).PausedUntil, nil)
		}
		event := eventsOf(t, s, key.ID)[0]
		modelstest.Equal(t, "action", event.Action, "api_key.deletion_scheduled")
		modelstest.Equal(t, "detail delete_at", event.Details["delete_at"], at.Format(time.RFC3339))

		s.Clock.Advance(models.DeletionDelay - time.Second)
		modelstest.Equal(t, "deleted before the time", deleteScheduled(t, s.Store), 0)
		s.Clock.Advance(time.Second)
		modelstest.Equal(t, "deleted at the time", deleteScheduled(t, s.Store), 1)
		modelstest.Equal(t, "deleted again", deleteScheduled(t, s.Store), 0)
		deleted := s.read(t, key)
		modelstest.Equal(t, "deleted at", deleted.DeletedAt, &at)
		modelstest.Equal(t, "deleted by name", deleted.DeletedByName, s.admin.User.Name)
		modelstest.Equal(t, "delete_at of a deleted key in the API", deleted.Wire(s.Scopes(), s.Clock.Now()).DeleteAt, nil)
		receipt, _ := deleted.DeletionReceipt()
		modelstest.Equal(t, "effective at", receipt.EffectiveAt, &at)
		events := eventsOf(t, s, key.ID)
		modelstest.Equal(t, "last action", events[0].Action, "api_key.deletion_in_force")
		modelstest.Equal(t, "action before", events[1].Action, "api_key.deleted")
		modelstest.Equal(t, "actor", events[1].ActorType, models.ActorSystem)
		modelstest.Equal(t, "detail scheduled_by", events[1].Details["scheduled_by"], s.admin.User.Name)
		modelstest.Equal(t, "deleted events", s.published(t, models.APIKeyDeletedEvent), 1)
	})
}

// published returns the number of events of a type.
func (s fixture) published(t *testing.T, of models.EventType) (count int64) {
	t.Helper()
	if err := s.DB().Model(&models.Event{}).Where("type = ?", of).Count(&count).Error; err != nil {
		t.Fatal(err)
	}
	return count
}

func TestScheduleDeletionRequiresTheConfirmationOfADeletion(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, unused := s.key(t, "CI"), s.key(t, "Unused")
		s.calls(t, key, time.Hour, "GET /me", "", usage.Accepted)
		wantUnchanged(t, s.Store, func() {
			_, err := s.ScheduleDeletion(s.ctx, s.id, key.ID, models.Confirmation{Name: "Other"})
			wantFields(t, err, "confirm_name")
		})
		if _, err := s.ScheduleDeletion(s.ctx, s.id, unused.ID, models.Confirmation{}); err != nil {
			t.Errorf("unused key: %v", err)
		}
	})
}

func TestScheduledKeyRejectsOtherChanges(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, rotating, deleted, expired := s.key(t, "CI"), s.key(t, "Rotating"), s.key(t, "Deleted"), s.keyThatExpires(t, "Expired", s.Now())
		s.schedule(t, key)
		s.delete(t, deleted)
		if _, _, err := s.RotateAPIKey(s.ctx, s.id, rotating.ID, models.NewReplacement{}); err != nil {
			t.Fatal(err)
		}
		schedule := func(key *models.APIKey) func() error {
			return func() error {
				_, err := s.ScheduleDeletion(s.ctx, s.id, key.ID, models.NoConfirmation)
				return err
			}
		}
		for _, tt := range []struct {
			name   string
			change func() error
			kind   models.Kind
		}{
			{"pause", func() error { _, err := s.PauseAPIKey(s.ctx, s.id, key.ID, s.Now().Add(time.Hour)); return err }, models.FailedPrecondition},
			{"rotate", func() error {
				_, _, err := s.RotateAPIKey(s.ctx, s.id, key.ID, models.NewReplacement{})
				return err
			}, models.FailedPrecondition},
			{"schedule again", schedule(key), models.FailedPrecondition},
			{"schedule a key that is being rotated", schedule(rotating), models.FailedPrecondition},
			{"schedule an expired key", schedule(expired), models.FailedPrecondition},
			{"schedule a deleted key", schedule(deleted), models.NotFound},
			{"cancel for a deleted key", func() error { _, err := s.CancelDeletion(s.ctx, s.id, deleted.ID); return err }, models.NotFound},
			{"cancel without a schedule", func() error { _, err := s.CancelDeletion(s.ctx, s.id, rotating.ID); return err }, models.FailedPrecondition},
		} {
			t.Run(tt.name, func(t *testing.T) {
				wantUnchanged(t, s.Store, func() { wantKind(t, tt.change(), tt.kind) })
			})
		}
		if err := s.RenameAPIKey(s.ctx, s.id, key.ID, "Renamed"); err != nil {
			t.Errorf("rename: %v", err)
		}
		access := models.KeyAccess{Scopes: scope.Of(scope.SeatsWrite)}
		if _, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, key.Access(), access); err != nil {
			t.Errorf("change access: %v", err)
		}
		modelstest.Equal(t, "still scheduled", s.read(t, key).IsScheduledForDeletion(), true)
		s.delete(t, key)
		s.Clock.Advance(models.DeletionDelay)
		modelstest.Equal(t, "deleted again", deleteScheduled(t, s.Store), 0)
	})
}

func TestCancelDeletion(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, tt := range []struct {
			name    string
			cancel  func(workspaceID, id string) (*models.APIKey, error)
			status  models.KeyStatus
			actions []string // newest first
		}{
			{"resume", func(workspaceID, id string) (*models.APIKey, error) { return s.ResumeAPIKey(s.ctx, workspaceID, id) },
				models.KeyActive, []string{"api_key.resumed", "api_key.deletion_canceled", "api_key.deletion_scheduled"}},
			{"stay paused", func(workspaceID, id string) (*models.APIKey, error) { return s.CancelDeletion(s.ctx, workspaceID, id) },
				models.KeyPaused, []string{"api_key.deletion_canceled", "api_key.deletion_scheduled"}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				key := s.key(t, tt.name)
				s.schedule(t, key)
				epoch := s.epoch(t)
				canceled, err := tt.cancel(s.id, key.ID)
				if err != nil {
					t.Fatal(err)
				}
				for name, k := range map[string]*models.APIKey{"returned": canceled, "stored": s.read(t, key)} {
					modelstest.Equal(t, name+" is scheduled", k.IsScheduledForDeletion(), false)
					modelstest.Equal(t, name+" delete at", k.DeleteAt, nil)
					modelstest.Equal(t, name+" status", k.StatusAt(s.Now()), tt.status)
					modelstest.Equal(t, name+" status after the longest pause", k.StatusAt(s.Now().Add(models.MaxPause+time.Second)), models.KeyActive)
				}
				modelstest.Equal(t, "epochs", s.epoch(t)-epoch, 1)
				events := eventsOf(t, s, key.ID)
				for i, action := range tt.actions {
					modelstest.Equal(t, "action", events[i].Action, action)
				}
				s.Clock.Advance(models.DeletionDelay)
				modelstest.Equal(t, "deleted after the cancellation", deleteScheduled(t, s.Store), 0)
			})
		}
	})
}

// TestDeletionIsCanceledOrMadeMeanwhile covers what happens after a node has read which keys are due.
func TestDeletionIsCanceledOrMadeMeanwhile(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, tt := range []struct {
			name    string
			do      func(key *models.APIKey) error
			deleted bool
		}{
			{"canceled", func(key *models.APIKey) error { _, err := s.CancelDeletion(s.ctx, s.id, key.ID); return err }, false},
			{"resumed", func(key *models.APIKey) error { _, err := s.ResumeAPIKey(s.ctx, s.id, key.ID); return err }, false},
			{"deleted by an admin", func(key *models.APIKey) error {
				_, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation)
				return err
			}, true},
			{"deleted by another node", func(*models.APIKey) error { _, err := s.DeleteScheduledKeys(t.Context()); return err }, true},
		} {
			t.Run(tt.name, func(t *testing.T) {
				key, node := s.key(t, tt.name), s.Another(t)
				s.schedule(t, key)
				s.Clock.Advance(models.DeletionDelay)
				before := s.published(t, models.APIKeyDeletedEvent)
				afterReading(t, node, "api_keys", func() {
					if err := tt.do(key); err != nil {
						t.Error(err)
					}
				})
				modelstest.Equal(t, "deleted by this node", deleteScheduled(t, node), 0)
				modelstest.Equal(t, "is deleted", s.read(t, key).DeletedAt != nil, tt.deleted)
				events := int64(0)
				if tt.deleted {
					events = 1
				}
				modelstest.Equal(t, "deleted events", s.published(t, models.APIKeyDeletedEvent)-before, events)
			})
		}
	})
}

func TestNodesDeleteScheduledKeysOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, name := range []string{"One", "Two", "Three"} {
			s.schedule(t, s.key(t, name))
		}
		s.Clock.Advance(models.DeletionDelay)
		nodes := []*modelstest.Store{s.Store, s.Another(t)}
		total := 0
		for _, deleted := range atOnce(len(nodes), func(i int) int {
			n, err := nodes[i].DeleteScheduledKeys(t.Context())
			if err != nil {
				t.Error(err)
			}
			return n
		}) {
			total += deleted
		}
		modelstest.Equal(t, "deleted", total, 3)
		modelstest.Equal(t, "deleted events", s.published(t, models.APIKeyDeletedEvent), 3)
	})
}

func TestFailedScheduledDeletionBlocksNoOther(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewSQLite(t), "Acme", "ada@acme.test")
	first, second := s.key(t, "First"), s.key(t, "Second")
	s.schedule(t, first)
	s.Clock.Advance(time.Second)
	s.schedule(t, second)
	s.Clock.Advance(models.DeletionDelay)
	trigger := fmt.Sprintf("CREATE TRIGGER broken BEFORE UPDATE OF deleted_at ON api_keys WHEN old.id = '%s' BEGIN SELECT RAISE(ABORT, 'broken'); END", first.ID)
	if err := s.DB().Exec(trigger).Error; err != nil {
		t.Fatal(err)
	}
	deleted, err := s.DeleteScheduledKeys(t.Context())
	modelstest.Equal(t, "deleted", deleted, 1)
	if err == nil || !strings.Contains(err.Error(), first.ID) {
		t.Errorf("error = %v, want one that names %s", err, first.ID)
	}
	modelstest.Equal(t, "the other is deleted", s.read(t, second).DeletedAt != nil, true)
	modelstest.Equal(t, "status of the one that failed", s.read(t, first).StatusAt(s.Now()), models.KeyPaused)
	if err := s.DB().Exec("DROP TRIGGER broken").Error; err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "deleted later", deleteScheduled(t, s.Store), 1)
}

// TestScheduledDeletionSurvivesCrashes covers a node that stops before and after it commits a deletion.
func TestScheduledDeletionSurvivesCrashes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		s.schedule(t, key)
		s.Clock.Advance(models.DeletionDelay)
		for _, column := range []string{"deleted_at", "deletion_in_force_at"} {
			node := s.Another(t)
			err := node.DB().Callback().Update().Before("gorm:update").Register("crash", func(db *gorm.DB) {
				if values, ok := db.Statement.Dest.(map[string]any); ok && values[column] != nil {
					_ = db.AddError(errStop)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			_, _ = node.DeleteScheduledKeys(t.Context())
			modelstest.Equal(t, "deleted after a crash before "+column, s.read(t, key).DeletedAt != nil, column != "deleted_at")
			modelstest.Equal(t, "status after a crash before "+column, s.read(t, key).AcceptedAt(s.Now()), false)
		}
		if finished, err := s.FinishDeletions(t.Context()); err != nil || finished != 1 {
			t.Errorf("finished %d deletions, error = %v; want 1", finished, err)
		}
		modelstest.Equal(t, "deleted events", s.published(t, models.APIKeyDeletedEvent), 1)
	})
}

func TestScheduleDeletionWithDescendants(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		parent := s.key(t, "Parent")
		child := s.child(t, parent, "Child")
		first := s.child(t, parent, "Scheduled before")
		before := s.schedule(t, first).DeleteAt
		s.Clock.Advance(time.Hour)
		if _, err := s.ScheduleDeletion(s.ctx, s.id, parent.ID, models.Confirmation{Descendants: true}); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "child's time", s.read(t, child).DeleteAt, new(s.Now().Add(models.DeletionDelay)))
		modelstest.Equal(t, "time of the child that was scheduled before", s.read(t, first).DeleteAt, before)
		s.Clock.Advance(models.DeletionDelay)
		modelstest.Equal(t, "deleted", deleteScheduled(t, s.Store), 3)
	})
}

// TestEarlierVersionEndsPause covers nodes of an earlier version, which don't know scheduled deletions.
func TestEarlierVersionEndsPause(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		s.schedule(t, key)
		s.Exec(t, "UPDATE api_keys SET paused_at = NULL, paused_until = NULL, paused_by_name = ''")
		s.Clock.Advance(models.DeletionDelay)
		modelstest.Equal(t, "deleted", deleteScheduled(t, s.Store), 0)
		modelstest.Equal(t, "status", s.read(t, key).StatusAt(s.Now()), models.KeyActive)
	})
}

func TestDeactivationLeavesScheduledDeletions(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		eve, err := s.Store.Store.AddMember(s.ctx, s.id, models.NewMember{Email: "eve@acme.test", Name: "Eve", Role: models.Admin})
		if err != nil {
			t.Fatal(err)
		}
		hers := s
		hers.ctx = models.WithActor(t.Context(), models.Actor{Type: models.ActorMember, ID: eve.ID, Name: "Eve"})
		key, other := hers.key(t, "Scheduled"), hers.key(t, "Other")
		s.schedule(t, key)
		if _, _, err := s.DeactivateMemberWith(s.ctx, s.id, eve.ID, models.Departure{PauseKeys: true}); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "still scheduled", s.read(t, key).IsScheduledForDeletion(), true)
		modelstest.Equal(t, "status of the other key", s.read(t, other).StatusAt(s.Now()), models.KeyPaused)
	})
}

func TestRejectedSincePause(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, other := s.key(t, "CI"), s.key(t, "Other")
		s.calls(t, key, 3*time.Hour, "GET /me", "", usage.RejectedPaused) // in an earlier pause
		s.schedule(t, key)
		s.schedule(t, other)
		s.Clock.Advance(time.Hour)
		for range 2 {
			s.calls(t, key, 0, "GET /me", "", usage.RejectedPaused)
		}
		s.calls(t, other, 0, "GET /me", "", usage.RejectedPaused)
		count, err := s.RejectedSincePause(s.ctx, s.read(t, key))
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "rejected", count, 2)
	})
}
