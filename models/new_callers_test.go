package models_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/usage"
)

// newCallers returns the networks that the notifications about new callers name, oldest first.
func (s fixture) newCallers(t *testing.T) []string {
	t.Helper()
	if _, err := s.NotifyOfNewCallers(t.Context()); err != nil {
		t.Fatal(err)
	}
	page, err := s.Notifications(t.Context(), s.admin, models.Page{Limit: models.MaxPageLimit})
	if err != nil {
		t.Fatal(err)
	}
	told := []string{}
	for _, n := range page.Items {
		if n.Kind == models.KeyNewCallerNotice {
			told = append([]string{fmt.Sprintf("%s %d: %s", n.KeyName, n.NetworkCount, n.Networks)}, told...)
		}
	}
	return told
}

func (s fixture) wantNewCallers(t *testing.T, when string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), s.newCallers(t)); diff != "" {
		t.Errorf("notifications %s (-want +got):\n%s", when, diff)
	}
}

// watched creates a key that notifies about new callers, and that is a day old.
func (s fixture) watched(t *testing.T, name string) *models.APIKey {
	t.Helper()
	key := s.keyOf(t, models.NewAPIKey{Name: name, NotifyNewCallers: true})
	s.Clock.Advance(24 * time.Hour)
	return key
}

func TestNewCallersAreNotified(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		plain := s.key(t, "Plain")
		key := s.keyOf(t, models.NewAPIKey{Name: "CI", NotifyNewCallers: true})
		s.called(t, key, "203.0.113.1", "curl/8")
		s.called(t, key, "2001:db8::1", "curl/8")
		s.wantNewCallers(t, "in the first 24 hours")
		s.Clock.Advance(24 * time.Hour)

		s.called(t, key, "203.0.113.1", "wget/1") // another user agent
		s.called(t, key, "2001:db8::2", "curl/8") // the same /64
		s.called(t, key, "", "curl/8")            // an unknown address
		s.called(t, plain, "203.0.113.9", "curl/8")
		s.wantNewCallers(t, "of known networks")

		s.called(t, key, "203.0.113.2", "curl/8")
		first := "CI 1: 203.0.113.2"
		s.wantNewCallers(t, "of a new address", first)
		for i := range 6 {
			s.Clock.Advance(time.Minute)
			s.called(t, key, fmt.Sprintf("198.51.100.%d", i), "curl/8")
		}
		s.called(t, key, "2001:db8:0:1::1", "curl/8")
		s.wantNewCallers(t, "within the hour", first)
		s.Clock.Advance(time.Hour)
		second := "CI 7: 198.51.100.0 198.51.100.1 198.51.100.2 198.51.100.3 198.51.100.4"
		s.wantNewCallers(t, "after an hour", first, second)
		s.Clock.Advance(2 * time.Hour)
		s.called(t, key, "198.51.100.5", "curl/8")
		s.wantNewCallers(t, "of a caller that was counted", first, second)
	})
}

func TestNewCallersCanBeTurnedOff(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.watched(t, "CI")
		turn := func(on bool) {
			t.Helper()
			updated, err := s.UpdateAPIKey(s.ctx, s.id, key.ID, models.KeyUpdate{NotifyNewCallers: models.To(on)})
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, "on", updated.NotifiesOfNewCallers(), on)
			event := s.lastEvent(t)
			modelstest.Equal(t, "action", event.Action, "api_key.new_caller_notifications_changed")
			modelstest.Equal(t, "to", event.Details["to"], map[bool]string{true: "on", false: "off"}[on])
		}
		s.called(t, key, "203.0.113.1", "curl/8")
		turn(false)
		s.called(t, key, "203.0.113.2", "curl/8")
		s.wantNewCallers(t, "after it was turned off")
		turn(true)
		s.called(t, key, "203.0.113.3", "curl/8")
		s.wantNewCallers(t, "after it was turned on")
		s.Clock.Advance(24 * time.Hour)
		if _, err := s.UpdateAPIKey(s.ctx, s.id, key.ID, models.KeyUpdate{Name: models.To("CD")}); err != nil {
			t.Fatal(err)
		}
		s.called(t, key, "203.0.113.4", "curl/8")
		s.wantNewCallers(t, "a day later", "CD 1: 203.0.113.4")
		replacement, _, err := s.RotateAPIKey(s.ctx, s.id, key.ID, models.NewReplacement{})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "of the replacement", replacement.NotifiesOfNewCallers(), true)
	})
}

// Several nodes find the same caller, and look for notifications, at the same time.
func TestNewCallersOnSeveralNodes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.watched(t, "CI")
		var nodes sync.WaitGroup
		for i := range 3 {
			node := s.Another(t)
			counts := countsOf(use{key, s.Now(), "203.0.113.1", fmt.Sprintf("curl/%d", i), "GET /me"})
			nodes.Go(func() {
				if err := node.AddUsage(t.Context(), counts); err != nil {
					t.Error(err)
				}
				if _, err := node.NotifyOfNewCallers(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		nodes.Wait()
		s.wantNewCallers(t, "of three nodes", "CI 1: 203.0.113.1")
	})
}

func TestNewCallersOfManyKeysAreOneNotification(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		var keys []*models.APIKey
		for i := range 11 {
			keys = append(keys, s.keyOf(t, models.NewAPIKey{Name: fmt.Sprint("CI ", i), NotifyNewCallers: true}))
		}
		s.Clock.Advance(24 * time.Hour)
		for _, key := range keys {
			s.called(t, key, "203.0.113.1", "curl/8")
		}
		s.wantNewCallers(t, "of eleven keys", " 0: ")
	})
}

func TestNewCallersOfDeletedKeysAreForgotten(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.watched(t, "CI")
		s.called(t, key, "203.0.113.1", "curl/8")
		s.delete(t, key)
		s.calls(t, key, 0, "GET /me", "", usage.RejectedDeleted)
		s.wantNewCallers(t, "of a deleted key")
		wantCount(t, s.Store, "new_callers", 1)
		s.Clock.Advance(7 * 24 * time.Hour)
		if err := s.PurgeExpired(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantCount(t, s.Store, "new_callers", 0)
	})
}

// BenchmarkNewCallers adds counts of keys that notify about new callers, and of as many that don't, and reports the
// median ratio of the times. Either all callers are known, which is usual, or each key has a new one each time.
func BenchmarkNewCallers(b *testing.B) {
	const keys = 500
	for name, open := range map[string]func(testing.TB) *modelstest.Store{"sqlite": modelstest.NewSQLite, "postgres": modelstest.NewPostgreSQL} {
		for callers, fresh := range map[string]bool{"known callers": false, "new callers": true} {
			b.Run(name+"/"+callers, func(b *testing.B) {
				s := open(b)
				workspace, _ := s.NewWorkspace(b, "Acme", "ada@acme.test")
				var uses [2][]use // without and with notifications
				for i := range 2 * keys {
					with := i % 2
					key, _, err := s.CreateAPIKey(b.Context(), workspace.ID, models.NewAPIKey{Name: "CI", NotifyNewCallers: with == 1})
					if err != nil {
						b.Fatal(err)
					}
					uses[with] = append(uses[with], use{key, s.Now(), "192.0.2.1", "curl/8", "GET /me"})
				}
				s.Clock.Advance(25 * time.Hour)
				add := func(with, round int) (seconds float64) {
					for i := range uses[with] {
						uses[with][i].at = s.Now()
						if fresh {
							uses[with][i].address = fmt.Sprintf("10.0.%d.%d", round>>8&255, round&255)
						}
					}
					counts, start := countsOf(uses[with]...), time.Now()
					if err := s.AddUsage(b.Context(), counts); err != nil {
						b.Fatal(err)
					}
					return time.Since(start).Seconds()
				}
				add(0, 0)
				add(1, 0)
				var ratios []float64
				for round := 1; b.Loop(); round++ {
					if round%(models.MaxAddresses/2) == 0 { // so that further ones are still recorded
						s.Exec(b, "DELETE FROM api_key_callers")
						s.Exec(b, "DELETE FROM new_callers")
					}
					if round%2 == 0 {
						without := add(0, round)
						ratios = append(ratios, add(1, round)/without)
					} else {
						with := add(1, round)
						ratios = append(ratios, with/add(0, round))
					}
				}
				slices.Sort(ratios)
				b.ReportMetric(ratios[len(ratios)/2], "with/without")
			})
		}
	}
}
