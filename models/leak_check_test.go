package models_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
)

// foundIn are the keys in a text.
func foundIn(t *testing.T, source, text string) models.FoundKeys {
	t.Helper()
	var found models.FoundKeys
	if err := token.Search(strings.NewReader(text), func(f token.Finding) error { found.Add(source, f); return nil }); err != nil {
		t.Fatal(err)
	}
	return found
}

func (s home) secret(t *testing.T, name string) (*models.APIKey, string) {
	t.Helper()
	key, secret, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return key, secret.Reveal()
}

func TestCheckLeaks(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		other := homeIn(t, s.Store, "Globex", "gil@globex.test")
		ci, ciText := s.secret(t, "CI")
		dead, deadText := s.secret(t, "Old")
		if _, err := s.DeleteAPIKey(s.ctx, s.id, dead.ID); err != nil {
			t.Fatal(err)
		}
		theirs, theirText := other.secret(t, "Theirs")
		nobodys := token.New(token.Live).Reveal()

		if err := s.AppendUsage(t.Context(), batchOf(t, use{ci, s.Now(), "192.0.2.7", "curl/8", "GET /me"})); err != nil { // not folded
			t.Fatal(err)
		}
		text := deadText + "\n" + ciText + " " + ciText + "\n" + theirText + "\n" + nobodys + "\n" + ciText + token.New(token.Live).Reveal()
		report, err := s.CheckLeaks(s.ctx, s.id, foundIn(t, "app.log", text))
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Leaks) != 2 || report.Others != 3 || report.More || report.Clean() {
			t.Fatalf("%+v", report)
		}
		if got := report.Leaks[0]; got.Key.ID != dead.ID || got.Key.DeletedAt == nil || got.Times != 1 {
			t.Errorf("%+v", got)
		}
		want := models.Leak{Key: report.Leaks[1].Key, Times: 3, Places: []models.Place{{Source: "app.log", Line: 2}, {Source: "app.log", Line: 5}}}
		if diff := cmp.Diff(want, report.Leaks[1]); diff != "" || report.Leaks[1].Key.ID != ci.ID || report.Leaks[1].Key.LastUsedAt == nil {
			t.Errorf("leak of %s (-want +got):\n%s", report.Leaks[1].Key.Name, diff)
		}
		if event := eventsOf(t, s, ci.ID)[0]; event.Action != "api_key.found_leaked" || event.Details["times"] != "3" || event.Details["key_prefix"] != ci.KeyPrefix || event.ActorName != "Ada Admin" {
			t.Errorf("%+v", event)
		}
		if event := eventsOf(t, s, s.id)[0]; event.Action != "api_key.leak_checked" || event.Details["keys"] != "2" || event.Details["other_keys"] != "3" || event.TargetName != "Acme" {
			t.Errorf("%+v", event)
		}
		if events := eventsOf(t, other, theirs.ID); len(events) != 1 {
			t.Errorf("the other workspace's log tells of the check: %+v", events)
		}
		for _, secret := range []string{ciText, deadText, theirText, nobodys, "app.log"} {
			if strings.Contains(s.Dump(t), secret) {
				t.Errorf("%.12s… is stored", secret)
			}
		}
	})
}

func TestALeakReportIsClean(t *testing.T) {
	for _, report := range []models.LeakReport{{Leaks: []models.Leak{{}}}, {Others: 1}} {
		if report.Clean() {
			t.Errorf("%+v is clean", report)
		}
	}
}

// TestCheckLeaksTellsTheFirstPlaces of a key that a log has in every line, and how often it is there.
func TestCheckLeaksTellsTheFirstPlaces(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		_, text := s.secret(t, "CI")
		report, err := s.CheckLeaks(s.ctx, s.id, foundIn(t, "app.log", strings.Repeat(text+"\n", 25)))
		if err != nil || len(report.Leaks) != 1 {
			t.Fatalf("%+v, %v", report, err)
		}
		if leak := report.Leaks[0]; leak.Times != 25 || len(leak.Places) != 10 || leak.Places[9].Line != 10 {
			t.Errorf("%d times, at %+v", leak.Times, leak.Places)
		}
	})
}

func TestCheckOfACleanTextLeavesNoTrace(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		s.key(t, "CI")
		wantUnchanged(t, s.Store, func() {
			report, err := s.CheckLeaks(s.ctx, s.id, foundIn(t, "text", "nothing to see: sk_live_"+strings.Repeat("A", 36)))
			if err != nil || !report.Clean() {
				t.Errorf("%+v, %v", report, err)
			}
		})
	})
}

func TestCheckLeaksTellsAThousandKeysApart(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		_, last := s.secret(t, "CI")
		var text strings.Builder
		for range models.MaxFoundKeys - 1 {
			text.WriteString(token.New(token.Live).Reveal())
		}
		text.WriteString(last)
		report, err := s.CheckLeaks(s.ctx, s.id, foundIn(t, "text", text.String()))
		if err != nil || report.More || len(report.Leaks) != 1 || report.Others != models.MaxFoundKeys-1 {
			t.Errorf("%d leaks, %d others, %v", len(report.Leaks), report.Others, err)
		}
		report, err = s.CheckLeaks(s.ctx, s.id, foundIn(t, "text", token.New(token.Live).Reveal()+text.String()))
		if err != nil || !report.More || len(report.Leaks) != 0 || report.Others != models.MaxFoundKeys {
			t.Errorf("one more: %d leaks, %d others, %v", len(report.Leaks), report.Others, err)
		}
	})
}
