package models_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/token"
)

// foundIn returns the keys found in text.
func foundIn(t *testing.T, source, text string) models.FoundKeys {
	t.Helper()
	var found models.FoundKeys
	if err := token.Search(strings.NewReader(text), func(f token.Finding) error { found.Add(source, f); return nil }); err != nil {
		t.Fatal(err)
	}
	return found
}

func (s fixture) secret(t *testing.T, name string) (*models.APIKey, string) {
	t.Helper()
	key, secret, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return key, secret.Reveal()
}

func TestCheckLeaks(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		other := newFixture(t, s.Store, "Globex", "gil@globex.test")
		ci, ciText := s.secret(t, "CI")
		deleted, deletedText := s.secret(t, "Old")
		if _, err := s.DeleteAPIKey(s.ctx, s.id, deleted.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		theirs, theirText := other.secret(t, "Theirs")
		unknown := token.New(token.Live).Reveal()

		if err := s.AddUsage(t.Context(), countsOf(use{ci, s.Now(), "192.0.2.7", "curl/8", "GET /me"})); err != nil {
			t.Fatal(err)
		}
		text := deletedText + "\n" + ciText + " " + ciText + "\n" + theirText + "\n" + unknown + "\n" + ciText + token.New(token.Live).Reveal()
		report, err := s.CheckLeaks(s.ctx, s.id, foundIn(t, "app.log", text))
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "leaks", len(report.Leaks), 2)
		modelstest.Equal(t, "others", report.Others, 3)
		modelstest.Equal(t, "more", report.More, false)
		modelstest.Equal(t, "clean", report.Clean(), false)
		got := report.Leaks[0]
		modelstest.Equal(t, "key ID", got.Key.ID, deleted.ID)
		if got.Key.DeletedAt == nil {
			t.Error("key deleted at = nil, want a value")
		}
		modelstest.Equal(t, "times", got.Times, 1)
		want := models.Leak{Key: report.Leaks[1].Key, Times: 3, Places: []models.Place{{Source: "app.log", Line: 2}, {Source: "app.log", Line: 5}}}
		diff := cmp.Diff(want, report.Leaks[1])
		if diff != "" {
			t.Errorf("leak of %s (-want +got):\n%s", report.Leaks[1].Key.Name, diff)
		}
		modelstest.Equal(t, "second key ID", report.Leaks[1].Key.ID, ci.ID)
		if report.Leaks[1].Key.LastUsedAt == nil {
			t.Error("second key was not used")
		}
		event := eventsOf(t, s, ci.ID)[0]
		modelstest.Equal(t, "action", event.Action, "api_key.found_leaked")
		modelstest.Equal(t, "detail times", event.Details["times"], "3")
		modelstest.Equal(t, "detail key_prefix", event.Details["key_prefix"], ci.KeyPrefix)
		modelstest.Equal(t, "actor name", event.ActorName, "Ada Admin")
		event = eventsOf(t, s, s.id)[0]
		modelstest.Equal(t, "action", event.Action, "api_key.leak_checked")
		modelstest.Equal(t, "detail keys", event.Details["keys"], "2")
		modelstest.Equal(t, "detail other_keys", event.Details["other_keys"], "3")
		modelstest.Equal(t, "target name", event.TargetName, "Acme")
		if events := eventsOf(t, other, theirs.ID); len(events) != 1 {
			t.Errorf("events in the other workspace = %+v, want 1", events)
		}
		for _, secret := range []string{ciText, deletedText, theirText, unknown, "app.log"} {
			if strings.Contains(s.Dump(t), secret) {
				t.Errorf("%.12s… is stored", secret)
			}
		}
	})
}

func TestLeakReportClean(t *testing.T) {
	for _, report := range []models.LeakReport{{Leaks: []models.Leak{{}}}, {Others: 1}} {
		if report.Clean() {
			t.Errorf("%+v: Clean() = true, want false", report)
		}
	}
}

func TestCheckLeaksLimitsPlaces(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		_, text := s.secret(t, "CI")
		report, err := s.CheckLeaks(s.ctx, s.id, foundIn(t, "app.log", strings.Repeat(text+"\n", 25)))
		if err != nil || len(report.Leaks) != 1 {
			t.Fatalf("report = %+v, error = %v", report, err)
		}
		leak := report.Leaks[0]
		modelstest.Equal(t, "times", leak.Times, 25)
		if len(leak.Places) != 10 {
			t.Fatalf("places = %+v, want 10", leak.Places)
		}
		modelstest.Equal(t, "places[9] line", leak.Places[9].Line, 10)
	})
}

func TestCheckLeaksRecordsNothingIfClean(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.key(t, "CI")
		wantUnchanged(t, s.Store, func() {
			report, err := s.CheckLeaks(s.ctx, s.id, foundIn(t, "text", "nothing to see: sk_live_"+strings.Repeat("A", 36)))
			if err != nil || !report.Clean() {
				t.Errorf("report = %+v, error = %v, want it clean", report, err)
			}
		})
	})
}

func TestCheckLeaksLimitsKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		_, last := s.secret(t, "CI")
		var text strings.Builder
		for range models.MaxFoundKeys - 1 {
			text.WriteString(token.New(token.Live).Reveal())
		}
		text.WriteString(last)
		report, err := s.CheckLeaks(s.ctx, s.id, foundIn(t, "text", text.String()))
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "more", report.More, false)
		modelstest.Equal(t, "leaks", len(report.Leaks), 1)
		modelstest.Equal(t, "others", report.Others, models.MaxFoundKeys-1)
		report, err = s.CheckLeaks(s.ctx, s.id, foundIn(t, "text", token.New(token.Live).Reveal()+text.String()))
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "more", report.More, true)
		modelstest.Equal(t, "leaks", len(report.Leaks), 0)
		modelstest.Equal(t, "others", report.Others, models.MaxFoundKeys)
	})
}
