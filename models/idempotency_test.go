package models_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
)

// requestNamed returns a request with a key of the workspace. The ID of the key is different in each test,
// because PostgreSQL's advisory locks are shared by all schemas.
func (f fixture) requestNamed(key, fingerprint string) models.IdempotentRequest {
	return models.IdempotentRequest{APIKeyID: "key of " + f.id, Key: key, Fingerprint: []byte(fingerprint)}
}

// createKey returns a function for Once with an effect that can be counted.
func createKey(ctx context.Context, workspaceID string) func(*models.Store) (models.IdempotentResponse, error) {
	return func(tx *models.Store) (models.IdempotentResponse, error) {
		key, _, err := tx.CreateAPIKey(ctx, workspaceID, models.NewAPIKey{Name: "Once"})
		if err != nil {
			return models.IdempotentResponse{}, err
		}
		return models.IdempotentResponse{Status: 201, Body: []byte(key.ID)}, nil
	}
}

func (s fixture) keyCount(t *testing.T) int64 {
	t.Helper()
	list, err := s.APIKeys(s.ctx, s.id, models.APIKeyFilter{PageNumber: 1, PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	return list.Matching
}

func TestOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		do := createKey(s.ctx, s.id)
		first, err := s.Once(s.ctx, s.requestNamed("a", "1"), do)
		if err != nil || first.Replayed {
			t.Fatalf("first response = %+v, error = %v", first, err)
		}
		again, err := s.Once(s.ctx, s.requestNamed("a", "1"), do)
		want := models.IdempotentResponse{Status: 201, Body: first.Body, Replayed: true}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, again); diff != "" {
			t.Errorf("second response (-want +got):\n%s", diff)
		}
		_, err = s.Once(s.ctx, s.requestNamed("a", "2"), do)
		wantKind(t, err, models.FailedPrecondition)
		if count := s.keyCount(t); count != 1 {
			t.Errorf("keys = %d, want 1", count)
		}
		other := s.requestNamed("a", "1")
		other.APIKeyID = "another " + other.APIKeyID
		if _, err := s.Once(s.ctx, other, do); err != nil {
			t.Errorf("same Idempotency-Key of another client: %v", err)
		}
		s.Clock.Advance(models.IdempotencyLife)
		if later, err := s.Once(s.ctx, s.requestNamed("a", "2"), do); err != nil || later.Replayed {
			t.Errorf("after a day: response = %+v, error = %v, want a new one", later, err)
		}
	})
}

// The other requests get Conflict or the stored response.
func TestConcurrentRequestsAreHandledOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		nodes := []*models.Store{s.Store.Store, s.Another(t).Store}
		type result struct {
			response models.IdempotentResponse
			err      error
		}
		responses := map[string]int{}
		for _, r := range atOnce(50, func(i int) result {
			response, err := nodes[i%2].Once(s.ctx, s.requestNamed("a", "1"), createKey(s.ctx, s.id))
			return result{response, err}
		}) {
			if r.err == nil {
				responses[string(r.response.Body)]++
			} else if !models.IsKind(r.err, models.Conflict) {
				t.Errorf("error = %v, want Conflict", r.err)
			}
		}
		if count := s.keyCount(t); count != 1 {
			t.Errorf("keys = %d, want 1", count)
		}
		if len(responses) != 1 {
			t.Errorf("responses = %v, want the same for all", responses)
		}
	})
}

func TestFailedRequestCanBeRepeated(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		wantUnchanged(t, s.Store, func() {
			_, err := s.Once(s.ctx, s.requestNamed("a", "1"), func(tx *models.Store) (models.IdempotentResponse, error) {
				if _, err := createKey(s.ctx, s.id)(tx); err != nil {
					return models.IdempotentResponse{}, err
				}
				return models.IdempotentResponse{}, errStop
			})
			if !errors.Is(err, errStop) {
				t.Errorf("error = %v, want errStop", err)
			}
		})
		if again, err := s.Once(s.ctx, s.requestNamed("a", "2"), createKey(s.ctx, s.id)); err != nil || again.Replayed {
			t.Errorf("response = %+v, error = %v, want a new one", again, err)
		}
	})
}

func TestRunningRequestIsConflict(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		_, err := s.Once(s.ctx, s.requestNamed("a", "1"), func(*models.Store) (models.IdempotentResponse, error) {
			_, second := s.Once(s.ctx, s.requestNamed("a", "1"), createKey(s.ctx, s.id))
			wantKind(t, second, models.Conflict)
			return models.IdempotentResponse{Status: 201, Body: []byte("{}")}, nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestPurgeDeletesResponsesAfterADay(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		if _, err := s.Once(s.ctx, s.requestNamed("a", "1"), createKey(s.ctx, s.id)); err != nil {
			t.Fatal(err)
		}
		rows := func(later time.Duration) (n int64) {
			s.Clock.Advance(later)
			if err := s.PurgeExpired(s.ctx); err != nil {
				t.Fatal(err)
			}
			if err := s.DB().Table("idempotent_answers").Count(&n).Error; err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := rows(models.IdempotencyLife - time.Second); n != 1 {
			t.Errorf("responses within a day = %d, want 1", n)
		}
		if n := rows(time.Second); n != 0 {
			t.Errorf("responses after a day = %d, want 0", n)
		}
	})
}
