package models_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/usage"
)

func (s fixture) rotation(t *testing.T, old *models.APIKey) *models.Rotation {
	t.Helper()
	r, err := s.Rotation(s.ctx, s.id, old.ID)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// described returns a line for each caller of the old key.
func described(r *models.Rotation) []string {
	var lines []string
	for _, c := range r.Callers {
		line := c.Old.Address + " " + c.Old.UserAgent
		switch {
		case c.UsesBoth():
			line += ", both"
		case c.Moved():
			line += ", moved"
		case c.New != nil:
			line += ", refused"
		}
		lines = append(lines, line)
	}
	return lines
}

func TestCallersAreTickedOnceTheNewKeyHasSeenThem(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		old := s.key(t, "CI")
		uses := func(key *models.APIKey, address, agent string) {
			s.Clock.Advance(time.Second)
			record(t, s.Store, countsOf(use{key, s.Now(), address, agent, "GET /me"}))
		}
		uses(old, "192.0.2.99", "left/1")
		s.Clock.Advance(models.RotationWindow)
		for _, agent := range []string{"a/1", "b/1", "c/1", "d/1"} {
			uses(old, "192.0.2.7", agent)
		}
		next := s.rotate(t, old)
		uses(next, "192.0.2.7", "a/1")
		uses(next, "192.0.2.7", "b/1")
		uses(old, "192.0.2.7", "b/1")
		uses(next, "192.0.2.8", "c/1") // another address
		uses(next, "192.0.2.7", "c/2") // another version
		refused := countsOf(use{next, s.Now(), "192.0.2.7", "d/1", "GET /seats"})
		refused.Rows[0].Rejection = usage.RejectedScope
		record(t, s.Store, refused)
		uses(old, "192.0.2.7", "e/1") // new at the old key

		r := s.rotation(t, old)
		want := []string{"192.0.2.7 e/1", "192.0.2.7 b/1, both", "192.0.2.7 d/1, refused", "192.0.2.7 c/1", "192.0.2.7 a/1, moved"}
		if diff := cmp.Diff(want, described(r)); diff != "" {
			t.Errorf("callers (-want +got):\n%s", diff)
		}
		if len(r.Newcomers) != 2 {
			t.Fatalf("newcomers = %+v, want 2", r.Newcomers)
		}
		modelstest.Equal(t, "newcomers[0] user agent", r.Newcomers[0].UserAgent, "c/2")
		modelstest.Equal(t, "newcomers[1] address", r.Newcomers[1].Address, "192.0.2.8")
		if r.OldUse != (models.RecentUse{Day: 6, Month: 6}) || r.NewUse != (models.RecentUse{Day: 4, Month: 4}) {
			t.Errorf("old %+v, new %+v", r.OldUse, r.NewUse)
		}
		modelstest.Equal(t, "moved", r.Moved(), 2)
		modelstest.Equal(t, "all moved", r.AllMoved(), false)
		modelstest.Equal(t, "in use", r.InUse(), true)
	})
}

// TestOthersAreNeverTicked: they cannot be told apart.
func TestOthersAreNeverTicked(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		old := s.key(t, "CI")
		next := s.rotate(t, old)
		var uses []use
		for i := range models.MaxCallers + 1 {
			caller := fmt.Sprintf("robot/%03d", i)
			uses = append(uses, use{old, s.Now(), "192.0.2.7", caller, "GET /me"}, use{next, s.Now(), "192.0.2.7", caller, "GET /me"})
		}
		record(t, s.Store, countsOf(uses...))
		r := s.rotation(t, old)
		last := r.Callers[len(r.Callers)-1]
		modelstest.Equal(t, "callers", len(r.Callers), models.MaxCallers+1)
		modelstest.Equal(t, "last old is several callers", last.Old.IsSeveral(), true)
		modelstest.Equal(t, "last moved", last.Moved(), false)
		modelstest.Equal(t, "moved", r.Moved(), models.MaxCallers)
		modelstest.Equal(t, "in use", r.InUse(), true)
		if len(r.Newcomers) != 1 || !r.Newcomers[0].IsSeveral() {
			t.Errorf("newcomers %+v", r.Newcomers)
		}
	})
}

func TestEndRotation(t *testing.T) {
	steps := []struct {
		name  string
		moved bool
		after time.Duration // since the last use of the old key
		inUse bool
	}{
		{"not moved, used now", false, 0, true},
		{"not moved, quiet for a week", false, 7 * 24 * time.Hour, true},
		{"not moved, quiet for a month", false, models.RotationWindow + time.Second, false},
		{"moved, used a moment less than a day ago", true, 24*time.Hour - time.Millisecond, true},
		{"moved, quiet for a day", true, 24 * time.Hour, false},
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, step := range steps {
			old := s.key(t, "CI")
			next := s.rotate(t, old)
			uses := []use{{old, s.Now(), "192.0.2.7", "a/1", "GET /me"}}
			if step.moved {
				uses = append(uses, use{next, s.Now(), "192.0.2.7", "a/1", "GET /me"})
			}
			record(t, s.Store, countsOf(uses...))
			s.Clock.Advance(step.after)
			if got := s.rotation(t, old).InUse(); got != step.inUse {
				t.Errorf("%s: in use %t", step.name, got)
			}
			end := models.Confirmation{}
			if step.inUse {
				wantUnchanged(t, s.Store, func() {
					wantFields(t, errOf(s.EndRotation(s.ctx, s.id, old.ID, end)), "confirm_name", "reason")
					wantFields(t, errOf(s.EndRotation(s.ctx, s.id, old.ID, models.Confirmation{Name: "CI"})), "reason")
					wantFields(t, errOf(s.EndRotation(s.ctx, s.id, old.ID, models.Confirmation{Name: "ci", Reason: "It leaked"})), "confirm_name")
					wantFields(t, errOf(s.EndRotation(s.ctx, s.id, old.ID, models.Confirmation{Name: "CI", Reason: strings.Repeat("x", 501)})), "reason")
				})
				end = models.Confirmation{Name: "CI", Reason: "It leaked"}
			}
			gone, err := s.EndRotation(s.ctx, s.id, old.ID, end)
			if err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			if receipt, _ := gone.DeletionReceipt(); receipt.Reason != end.Reason || s.read(t, old).DeletionReason != end.Reason {
				t.Errorf("%s: the receipt is %+v", step.name, receipt)
			}
			if event := eventsOf(t, s, old.ID)[1]; event.Action != "api_key.deleted" || event.Details["reason"] != end.Reason {
				t.Errorf("%s: the event is %+v", step.name, event)
			}
			if s.read(t, next).DeletedAt != nil {
				t.Errorf("%s: the successor is gone too", step.name)
			}
		}
	})
}

// TestARotationIsReadToItsEnd: who knocks with the old key is seen after its deletion.
func TestARotationIsReadToItsEnd(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		old := s.key(t, "CI")
		wantKind(t, errOf(s.Rotation(s.ctx, s.id, old.ID)), models.NotFound)
		s.rotate(t, old)
		wantKind(t, errOf(s.Rotation(s.ctx, "ws_other", old.ID)), models.NotFound)
		s.delete(t, old)
		knock := countsOf(use{old, s.Now(), "192.0.2.7", "late/1", ""})
		knock.Rows[0].Rejection = usage.RejectedDeleted
		record(t, s.Store, knock)
		r := s.rotation(t, old)
		if len(r.Callers) != 1 {
			t.Fatalf("callers = %+v, want 1", r.Callers)
		}
		modelstest.Equal(t, "callers[0] old last rejection", r.Callers[0].Old.LastRejection, usage.RejectedDeleted)
		modelstest.Equal(t, "in use", r.InUse(), false)
	})
}
