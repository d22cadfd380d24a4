package models_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

// policy returns the default policy with a maximum and a default lifetime, in days.
func policy(maxDays, defaultDays int) models.KeyPolicy {
	p := models.DefaultKeyPolicy
	p.MaxDays, p.DefaultDays = maxDays, defaultDays
	return p
}

func (s fixture) setPolicy(t *testing.T, p models.KeyPolicy) models.KeyPolicy {
	t.Helper()
	set, err := s.SetKeyPolicy(s.ctx, s.id, p)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestSetKeyPolicy(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for name, tt := range map[string]struct {
			policy models.KeyPolicy
			fields []string
		}{
			"negative maximum":         {policy(-1, 0), []string{"max_days"}},
			"maximum over ten years":   {policy(3651, 90), []string{"max_days"}},
			"default over the maximum": {policy(30, 31), []string{"default_days"}},
			"maximum without default":  {policy(30, 0), []string{"default_days"}},
			"expiry without default":   {models.KeyPolicy{ExpiryRequired: true, ReviewUnusedDays: 1, ReviewIdleDays: 1, ReviewOldDays: 1}, []string{"default_days"}},
			"no review ages":           {models.KeyPolicy{}, []string{"review_unused_days", "review_idle_days", "review_old_days"}},
		} {
			t.Run(name, func(t *testing.T) {
				wantUnchanged(t, s.Store, func() {
					_, err := s.SetKeyPolicy(s.ctx, s.id, tt.policy)
					wantFields(t, err, tt.fields...)
				})
			})
		}

		wanted := policy(90, 30)
		wanted.ReviewIdleDays = 45
		set := s.setPolicy(t, wanted)
		modelstest.Equal(t, "expiry required by a maximum", set.ExpiryRequired, true)
		modelstest.Equal(t, "since", set.Since, new(s.Now()))
		read, err := s.KeyPolicy(s.ctx, s.id)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(set, read); diff != "" {
			t.Errorf("policy (-set +read):\n%s", diff)
		}
		events, err := s.AuditEventsOf(s.ctx, s.id, s.id, 1)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "action", events[0].Action, "workspace.key_policy_changed")
		if diff := cmp.Diff(map[string]string{
			"max_lifetime": "90 days", "max_lifetime_before": "never expires", "default_lifetime": "30 days", "default_lifetime_before": "none",
			"review_idle": "45 days", "review_idle_before": "90 days",
		}, events[0].Details); diff != "" {
			t.Errorf("details (-want +got):\n%s", diff)
		}
		wantUnchanged(t, s.Store, func() { s.setPolicy(t, set) })

		s.Clock.Advance(dayLong)
		modelstest.Equal(t, "since, less strict", s.setPolicy(t, policy(91, 30)).Since, set.Since)
		modelstest.Equal(t, "since, stricter", s.setPolicy(t, policy(89, 30)).Since, new(s.Now()))
		other := newFixture(t, s.Store, "Other", "mallory@other.test")
		if diff := cmp.Diff(models.DefaultKeyPolicy, must(other.KeyPolicy(other.ctx, other.id))); diff != "" {
			t.Errorf("policy of another workspace (-want +got):\n%s", diff)
		}
	})
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func TestKeyPolicyAppliesToNewKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		required := models.DefaultKeyPolicy
		required.ExpiryRequired, required.DefaultDays = true, 60
		in := func(d time.Duration) *time.Time { return new(s.Now().Add(d)) }
		for _, tt := range []struct {
			name     string
			policy   models.KeyPolicy
			wanted   models.NewAPIKey
			want     *time.Time
			rejected string
		}{
			{"default policy", models.DefaultKeyPolicy, models.NewAPIKey{DefaultExpiry: true}, nil, ""},
			{"default policy, ten years", models.DefaultKeyPolicy, models.NewAPIKey{ExpiresAt: in(3650 * dayLong)}, in(3650 * dayLong), ""},
			{"default lifetime", policy(0, 30), models.NewAPIKey{DefaultExpiry: true}, in(30 * dayLong), ""},
			{"never, allowed", policy(0, 30), models.NewAPIKey{}, nil, ""},
			{"never, not allowed", required, models.NewAPIKey{}, nil, "must be set"},
			{"default instead of never", required, models.NewAPIKey{DefaultExpiry: true}, in(60 * dayLong), ""},
			{"far, without a maximum", required, models.NewAPIKey{ExpiresAt: in(3650 * dayLong)}, in(3650 * dayLong), ""},
			{"never, with a maximum", policy(90, 30), models.NewAPIKey{}, nil, "at most 90 days from now"},
			{"maximum", policy(90, 30), models.NewAPIKey{ExpiresAt: in(90 * dayLong)}, in(90 * dayLong), ""},
			{"maximum by another clock", policy(90, 30), models.NewAPIKey{ExpiresAt: in(90*dayLong + time.Hour)}, in(90*dayLong + time.Hour), ""},
			{"over the maximum", policy(90, 30), models.NewAPIKey{ExpiresAt: in(90*dayLong + time.Hour + time.Millisecond)}, nil, in(90 * dayLong).Format(time.RFC3339)},
			{"in the past", policy(90, 30), models.NewAPIKey{ExpiresAt: in(-dayLong)}, nil, "must be in the future"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				s.setPolicy(t, tt.policy)
				tt.wanted.Name = tt.name
				key, _, err := s.CreateAPIKey(s.ctx, s.id, tt.wanted)
				checked := s.CheckNewAPIKey(s.ctx, s.id, tt.wanted, models.Fields{})
				if tt.rejected != "" {
					wantFields(t, err, "expires_at")
					wantFields(t, checked, "expires_at")
					wantContains(t, err.Error(), tt.rejected)
					return
				}
				if err != nil || checked != nil {
					t.Fatalf("errors = %v, %v", err, checked)
				}
				modelstest.Equal(t, "expiry", key.ExpiresAt, tt.want)
			})
		}
	})
}

func TestKeyPolicyAppliesToReplacements(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		never, year := s.key(t, "Never"), s.keyOf(t, models.NewAPIKey{Name: "Year", ExpiresAt: new(s.Now().Add(365 * dayLong))})
		short := s.keyOf(t, models.NewAPIKey{Name: "Short", ExpiresAt: new(s.Now().Add(30 * dayLong))})
		required := models.DefaultKeyPolicy
		required.ExpiryRequired, required.DefaultDays = true, 60
		s.Clock.Advance(10 * dayLong)
		in := func(d time.Duration) *time.Time { return new(s.Now().Add(d)) }
		for _, tt := range []struct {
			name   string
			policy models.KeyPolicy
			key    *models.APIKey
			want   *time.Time
		}{
			{"never, allowed", models.DefaultKeyPolicy, never, nil},
			{"same lifetime", models.DefaultKeyPolicy, year, in(365 * dayLong)},
			{"never, not allowed", required, never, in(60 * dayLong)},
			{"never, with a maximum", policy(90, 30), never, in(90 * dayLong)},
			{"over the maximum", policy(90, 30), year, in(90 * dayLong)},
			{"under the maximum", policy(90, 30), short, in(30 * dayLong)},
		} {
			t.Run(tt.name, func(t *testing.T) {
				s.setPolicy(t, tt.policy)
				next, _, err := s.RotateAPIKey(s.ctx, s.id, tt.key.ID, models.NewReplacement{})
				if err != nil {
					t.Fatal(err)
				}
				modelstest.Equal(t, "expiry", next.ExpiresAt, tt.want)
				if _, err := s.CancelRotation(s.ctx, s.id, tt.key.ID, models.NoConfirmation); err != nil {
					t.Fatal(err)
				}
			})
		}
		s.setPolicy(t, policy(90, 30))
		_, _, err := s.RotateAPIKey(s.ctx, s.id, short.ID, models.NewReplacement{ExpiresAt: models.To[*time.Time](nil)})
		wantFields(t, err, "expires_at")
		_, _, err = s.RotateAPIKey(s.ctx, s.id, short.ID, models.NewReplacement{ExpiresAt: models.To(in(91 * dayLong))})
		wantFields(t, err, "expires_at")
	})
}

func TestKeyPolicyAppliesToChanges(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		before := s.key(t, "Before the policy")
		s.Clock.Advance(200 * dayLong)
		set := s.setPolicy(t, policy(90, 30))
		after := s.keyOf(t, models.NewAPIKey{Name: "After", ExpiresAt: new(s.Now().Add(30 * dayLong))})
		s.Clock.Advance(10 * dayLong)
		in := func(d time.Duration) *time.Time { return new(set.Since.Add(d)) }
		for _, tt := range []struct {
			name      string
			key       *models.APIKey
			expiresAt *time.Time
			rejected  string
		}{
			{"unchanged", before, nil, ""},
			{"from never to later than allowed", before, in(300 * dayLong), ""},
			{"later", before, in(301 * dayLong), "rotate"},
			{"earlier", before, in(120 * dayLong), ""},
			{"allowed from the policy on", before, in(90 * dayLong), ""},
			{"to the maximum", after, in(90 * dayLong), ""},
			{"over the maximum", after, in(91 * dayLong), in(90 * dayLong).Format(time.RFC3339)},
			{"never", after, nil, "rotate the key"},
			{"other time zone", after, new(in(90 * dayLong).In(time.FixedZone("", 3600))), ""},
		} {
			t.Run(tt.name, func(t *testing.T) {
				_, err := s.UpdateAPIKey(s.ctx, s.id, tt.key.ID, models.KeyUpdate{ExpiresAt: models.To(tt.expiresAt)})
				if tt.rejected == "" {
					if err != nil {
						t.Fatal(err)
					}
					return
				}
				wantFields(t, err, "expires_at")
				wantContains(t, err.Error(), tt.rejected)
			})
		}
		s.Clock.Advance(79 * dayLong)
		_, err := s.UpdateAPIKey(s.ctx, s.id, after.ID, models.KeyUpdate{Scopes: models.To(scope.Of(scope.SeatsRead, scope.SeatsWrite)), Name: models.To("Renamed")})
		if err != nil {
			t.Errorf("change without the expiry: %v", err)
		}
	})
}

func TestShortenLifetimes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		expiring := func(name string, d time.Duration) *models.APIKey {
			t.Helper()
			return s.keyOf(t, models.NewAPIKey{Name: name, ExpiresAt: new(s.Now().Add(d))})
		}
		never, year, deleted, paused := s.key(t, "Never"), expiring("Year", 365*dayLong), s.key(t, "Deleted"), s.key(t, "Paused")
		s.delete(t, deleted)
		if _, err := s.PauseAPIKey(s.ctx, s.id, paused.ID, s.Now().Add(dayLong)); err != nil {
			t.Fatal(err)
		}
		expired, allowed := expiring("Expired", dayLong), expiring("Allowed", 90*dayLong)
		other := newFixture(t, s.Store, "Other", "mallory@other.test")
		foreign := other.key(t, "Foreign")
		all := []string{never.ID, year.ID, deleted.ID, paused.ID, expired.ID, allowed.ID, foreign.ID}
		set := s.setPolicy(t, policy(90, 30))
		s.Clock.Advance(2 * dayLong)

		if diff := cmp.Diff([]string{"Paused", "Year", "Never"}, keyNamesOf(t, s, models.APIKeyFilter{Finding: models.FindLifetime})); diff != "" {
			t.Errorf("finding (-want +got):\n%s", diff)
		}
		modelstest.Equal(t, "count", must(s.ReviewAPIKeys(s.ctx, s.id)).Counts[models.FindLifetime], 3)
		epoch := s.read(t, never).ChangedEpoch
		shortened, effect, err := s.ShortenLifetimes(s.ctx, s.id, all)
		if err != nil {
			t.Fatal(err)
		}
		limit := set.Since.Add(90 * dayLong)
		got := map[string]*time.Time{}
		for _, key := range shortened {
			got[key.Name] = key.Before
			modelstest.Equal(t, "expiry of "+key.Name, s.read(t, &key.APIKey).ExpiresAt, &limit)
		}
		if diff := cmp.Diff(map[string]*time.Time{"Never": nil, "Year": year.ExpiresAt, "Paused": nil}, got); diff != "" {
			t.Errorf("expiries before (-want +got):\n%s", diff)
		}
		modelstest.Equal(t, "effective", effect.EffectiveAt.IsZero(), false)
		if changed := s.read(t, never).ChangedEpoch; changed <= epoch {
			t.Errorf("epoch of the change = %d, want more than %d, so that nodes drop the key", changed, epoch)
		}
		modelstest.Equal(t, "key of another workspace", other.read(t, foreign).ExpiresAt, nil)
		modelstest.Equal(t, "count after", must(s.ReviewAPIKeys(s.ctx, s.id)).Counts[models.FindLifetime], 0)
		wantUnchanged(t, s.Store, func() {
			_, _, err = s.ShortenLifetimes(s.ctx, s.id, all)
			wantKind(t, err, models.FailedPrecondition)
		})
		_, _, err = s.ShortenLifetimes(s.ctx, s.id, nil)
		wantKind(t, err, models.Invalid)
	})
}

// Keys that are over the limit already get a week, so that they can be replaced.
func TestShortenLifetimesGivesNotice(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "Never")
		s.setPolicy(t, policy(30, 30))
		s.Clock.Advance(100 * dayLong)
		for _, expiry := range []struct {
			in    time.Duration
			found int64
		}{{models.ShorteningNotice, 0}, {models.ShorteningNotice + time.Second, 1}} {
			s.set(t, &models.APIKey{}, "id", key.ID, "expires_at", s.Now().Add(expiry.in))
			modelstest.Equal(t, "keys found", must(s.ReviewAPIKeys(s.ctx, s.id)).Counts[models.FindLifetime], expiry.found)
		}
		shortened, _, err := s.ShortenLifetimes(s.ctx, s.id, []string{key.ID})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "expiry", shortened[0].ExpiresAt, new(s.Now().Add(models.ShorteningNotice)))
	})
}
