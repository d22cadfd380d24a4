package models_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

// All changes lock rows in the same order, so none of them waits for another in a circle.
func TestConcurrentChangesDoNotDeadlock(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	const workers, operations = 8, 40
	member := s.AddMember(t, &models.Workspace{ID: s.id}, "max@acme.test")
	asMember := models.WithActor(t.Context(), models.Actor{Type: models.ActorMember, ID: member.ID, Name: "Max"})
	var keys [6]atomic.Pointer[models.APIKey]
	for i := range keys {
		keys[i].Store(s.key(t, "CI"))
	}
	change := func(n, kind int) error {
		key := keys[n%len(keys)].Load()
		other := keys[(n+1)%len(keys)].Load()
		byKey := models.WithActor(t.Context(), models.Actor{Type: models.ActorAPIKey, ID: key.ID})
		ids := []string{key.ID, other.ID}
		confirmed := models.Confirmation{Name: key.Name, Number: "2", Reason: "test", Descendants: true}
		var created *models.APIKey
		var err error
		switch kind {
		case 0: // the key, and the keys that it has created and rotated
			_, err = s.DeleteAPIKey(s.ctx, s.id, key.ID, confirmed)
		case 1:
			_, err = s.BulkDeleteAPIKeys(s.ctx, s.id, ids, confirmed)
		case 2, 3:
			created, _, err = s.RotateAPIKey(s.ctx, s.id, key.ID, models.NewReplacement{})
		case 4:
			created, _, err = s.RotateAPIKey(byKey, s.id, other.ID, models.NewReplacement{})
		case 5:
			_, err = s.CancelRotation(s.ctx, s.id, key.ID, models.Confirmation{Name: key.Name})
		case 6:
			_, err = s.PauseAPIKey(s.ctx, s.id, key.ID, s.Now().Add(time.Hour))
		case 7:
			created, _, err = s.CreateAPIKey(byKey, s.id, models.NewAPIKey{Name: "CI", Scopes: scope.Of(scope.SeatsRead)})
		case 8:
			_, _, err = s.DeactivateMemberWith(s.ctx, s.id, member.ID, models.Departure{PauseKeys: true})
			_, reactivated := s.ReactivateMember(s.ctx, s.id, member.ID)
			err = errors.Join(err, reactivated)
		case 9:
			var counts []usage.Count
			for i := range keys {
				counts = append(counts, usage.Count{
					APIKeyID: keys[i].Load().ID, WorkspaceID: s.id, StartsAt: s.Now().Truncate(time.Hour), Route: "GET /me", StatusClass: 2,
					Scope: scope.SeatsRead.String(), Requests: 1, First: s.Now(), Last: s.Now(), Caller: usage.Caller{Address: fmt.Sprint("192.0.2.", n%9)},
				})
			}
			err = s.AddUsage(t.Context(), usage.Counts{ID: s.NewID("use"), Rows: counts})
		default:
			created, _, err = s.CreateAPIKey(asMember, s.id, models.NewAPIKey{Name: "CI", Scopes: scope.Of(scope.SeatsRead)})
		}
		if err == nil && created != nil { // so that the keys replace and come from one another
			keys[n/len(keys)%len(keys)].Store(created)
		}
		return err
	}
	atOnce(workers, func(worker int) error {
		random := rand.New(rand.NewPCG(1, uint64(worker)))
		for range operations {
			n, kind := random.IntN(1<<20), random.IntN(14)
			err := change(n, kind)
			var failed *pgconn.PgError
			if errors.As(err, &failed) {
				t.Errorf("change %d: %s: %s (%s)", kind, failed.Code, failed.Message, failed.Detail)
			}
		}
		return nil
	})
}

// A key may have created the replacement of an older key, whose row its deletion changes too.
func TestDeletionWithDescendantsLocksKeysInOrder(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	older, key := s.key(t, "Older"), s.key(t, "CI")
	byKey := models.WithActor(t.Context(), models.Actor{Type: models.ActorAPIKey, ID: key.ID})
	if _, _, err := s.RotateAPIKey(byKey, s.id, older.ID, models.NewReplacement{}); err != nil {
		t.Fatal(err)
	}
	commit := s.Begin(t, "SELECT 1 FROM api_keys WHERE id = '"+older.ID+"' FOR NO KEY UPDATE")
	deleted := make(chan error, 1)
	go func() {
		_, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.Confirmation{Descendants: true})
		deleted <- err
	}()
	s.awaitLockOn(t, "api_keys")
	if err := s.DB().Exec("SELECT 1 FROM api_keys WHERE id = ? FOR NO KEY UPDATE NOWAIT", key.ID).Error; err != nil {
		t.Errorf("lock the newer key while the deletion waits for the older one: %v", err)
	}
	commit()
	if err := <-deleted; err != nil {
		t.Errorf("delete the key with its descendants: %v", err)
	}
}

// awaitLockOn waits until a transaction waits for a lock on a row of a table.
func (s fixture) awaitLockOn(t *testing.T, table string) {
	t.Helper()
	query := "SELECT count(*) FROM pg_locks l JOIN pg_locks r USING (pid) WHERE NOT l.granted AND r.relation = CAST(? AS regclass)"
	for waiting := 0; waiting == 0; {
		if err := s.DB().Raw(query, table).Scan(&waiting).Error; err != nil {
			t.Fatal(err)
		}
	}
}

// Two changes that have seen the same access can't both succeed, or one of them would be lost.
func TestConcurrentChangesOfAccessAreNotLost(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		before := key.Access()
		var succeeded atomic.Int32
		atOnce(8, func(i int) error {
			expiry := s.Now().Add(time.Duration(i+1) * time.Hour)
			_, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, before, models.KeyAccess{Scopes: before.Scopes, ExpiresAt: &expiry})
			if err == nil {
				succeeded.Add(1)
			} else {
				wantKind(t, err, models.Conflict)
			}
			return err
		})
		modelstest.Equal(t, "changes that succeeded", succeeded.Load(), 1)
	})
}
