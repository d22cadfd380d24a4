package models_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
)

func requestNamed(key, fingerprint string) models.IdempotentRequest {
	return models.IdempotentRequest{APIKeyID: "key_1", Key: key, Fingerprint: []byte(fingerprint)}
}

// makeKey is what a request does in these tests: its effect can be counted.
func makeKey(ctx context.Context, workspaceID string) func(*models.Store) (models.IdempotentAnswer, error) {
	return func(tx *models.Store) (models.IdempotentAnswer, error) {
		key, _, err := tx.CreateAPIKey(ctx, workspaceID, models.NewAPIKey{Name: "Once"})
		if err != nil {
			return models.IdempotentAnswer{}, err
		}
		return models.IdempotentAnswer{Status: 201, Body: []byte(key.ID)}, nil
	}
}

func (s home) keysMade(t *testing.T) int64 {
	t.Helper()
	list, err := s.APIKeys(s.ctx, s.id, models.APIKeyFilter{PageNumber: 1, PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	return list.Matching
}

func TestOnce(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		do := makeKey(s.ctx, s.id)
		first, err := s.Once(s.ctx, requestNamed("a", "1"), do)
		if err != nil || first.Replayed {
			t.Fatalf("first %+v, %v", first, err)
		}
		again, err := s.Once(s.ctx, requestNamed("a", "1"), do)
		want := models.IdempotentAnswer{Status: 201, Body: first.Body, Replayed: true}
		if diff := cmp.Diff(want, again); diff != "" || err != nil {
			t.Error(diff, err)
		}
		_, err = s.Once(s.ctx, requestNamed("a", "2"), do)
		wantKind(t, err, models.FailedPrecondition)
		if made := s.keysMade(t); made != 1 {
			t.Errorf("%d keys made, want 1", made)
		}
		other := requestNamed("a", "1")
		other.APIKeyID = "key_2"
		if _, err := s.Once(s.ctx, other, do); err != nil {
			t.Errorf("the same word of another client: %v", err)
		}
		s.Clock.Advance(models.IdempotencyLife)
		if later, err := s.Once(s.ctx, requestNamed("a", "2"), do); err != nil || later.Replayed {
			t.Errorf("after a day %+v, %v", later, err)
		}
	})
}

// TestOnceAtOnce: of many identical requests on two nodes one is done, and the others are told
// to wait or get its answer.
func TestOnceAtOnce(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		nodes := []*models.Store{s.Store.Store, s.Another(t).Store}
		type result struct {
			answer models.IdempotentAnswer
			err    error
		}
		answers := map[string]int{}
		for _, r := range atOnce(50, func(i int) result {
			answer, err := nodes[i%2].Once(s.ctx, requestNamed("a", "1"), makeKey(s.ctx, s.id))
			return result{answer, err}
		}) {
			if r.err == nil {
				answers[string(r.answer.Body)]++
			} else if !models.IsKind(r.err, models.Conflict) {
				t.Errorf("a second one gets %v", r.err)
			}
		}
		if made := s.keysMade(t); made != 1 || len(answers) != 1 {
			t.Errorf("%d keys made, different answers: %v", made, answers)
		}
	})
}

// TestRefusedRequestCanBeBettered: what failed leaves nothing, and its word can be used again.
func TestRefusedRequestCanBeBettered(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		wantUnchanged(t, s.Store, func() {
			_, err := s.Once(s.ctx, requestNamed("a", "1"), func(tx *models.Store) (models.IdempotentAnswer, error) {
				if _, err := makeKey(s.ctx, s.id)(tx); err != nil {
					return models.IdempotentAnswer{}, err
				}
				return models.IdempotentAnswer{}, errStop
			})
			if !errors.Is(err, errStop) {
				t.Errorf("got %v", err)
			}
		})
		if better, err := s.Once(s.ctx, requestNamed("a", "2"), makeKey(s.ctx, s.id)); err != nil || better.Replayed {
			t.Errorf("%+v, %v", better, err)
		}
	})
}

func TestStillRunningIsAConflict(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		_, err := s.Once(s.ctx, requestNamed("a", "1"), func(*models.Store) (models.IdempotentAnswer, error) {
			_, second := s.Once(s.ctx, requestNamed("a", "1"), makeKey(s.ctx, s.id))
			wantKind(t, second, models.Conflict)
			return models.IdempotentAnswer{Status: 201, Body: []byte("{}")}, nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestPurgeForgetsAnswersAfterADay(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		if _, err := s.Once(s.ctx, requestNamed("a", "1"), makeKey(s.ctx, s.id)); err != nil {
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
			t.Errorf("%d answers are kept within the day", n)
		}
		if n := rows(time.Second); n != 0 {
			t.Errorf("%d answers are kept after a day", n)
		}
	})
}
