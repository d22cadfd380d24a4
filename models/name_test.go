package models_test

import (
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// stored changes the name of a key to one that checkName may reject.
func (s fixture) stored(t *testing.T, key *models.APIKey, name string) *models.APIKey {
	t.Helper()
	if err := s.DB().Model(key).Where("id = ?", key.ID).UpdateColumn("name", name).Error; err != nil {
		t.Fatal(err)
	}
	key.Name = name
	return key
}

func TestNamesAreNormalized(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for entered, want := range map[string]string{
			"  CI \u00a0 Builds\u3000": "CI Builds",
			"Cafe\u0301":               "Caf\u00e9",
			"👩‍👩‍👧‍👦 launch 🏳️‍🌈": "👩‍👩‍👧‍👦 launch 🏳️‍🌈",
		} {
			key := s.key(t, entered)
			if got := s.read(t, key).Name; got != want {
				t.Errorf("created %q: name = %q, want %q", entered, got, want)
			}
			if key.Name != want {
				t.Errorf("created %q: returned name = %q, want %q", entered, key.Name, want)
			}
			other := s.key(t, "Other")
			if err := s.RenameAPIKey(s.ctx, s.id, other.ID, entered); err != nil {
				t.Fatal(err)
			}
			if got := s.read(t, other).Name; got != want {
				t.Errorf("renamed to %q: name = %q, want %q", entered, got, want)
			}
		}
		member, err := s.Store.Store.AddMember(s.ctx, s.id, models.NewMember{Email: "grace@acme.test", Name: " Grace  Hopper "})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := member.Name(), "Grace Hopper"; got != want {
			t.Errorf("member = %q, want %q", got, want)
		}
		workspace, admin, err := s.Store.Store.CreateWorkspace(s.ctx, models.NewWorkspace{
			Name: " Acme  Labs ", AdminEmail: "eve@labs.test", AdminName: "Eve\u00a0 Stone", Password: modelstest.Password,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := workspace.Name, "Acme Labs"; got != want {
			t.Errorf("workspace = %q, want %q", got, want)
		}
		if got, want := admin.User.Name, "Eve Stone"; got != want {
			t.Errorf("admin = %q, want %q", got, want)
		}
	})
}

func TestNamesWithInvisibleCharactersAreRejected(t *testing.T) {
	s := newFixture(t, modelstest.NewSQLite(t), "Acme", "ada@acme.test")
	rejected := []string{
		"C\u200bI", "CI\ufeff", "C\u2060I", "C\u00adI", "C\u200dI", "C\u200cI", "CI\ufe0f", // zero width
		"\u202eIC", "\u2066CI\u2069", "CI\u200f", "CI\u061c", // bidi
		"C\u0000I", "C\u0007I", "C\u0085I", "C\nI", "C\u2028I", "C\ufff9I", // control
		"CI\u3164", "CI\u115f", "CI\u034f", "CI\u2800", "CI\U000e0041", "1\ufe0f", "🏴\U000e0067", "👩\u200d", // others
	}
	accepted := []string{
		"👩‍👩‍👧‍👦 🏳️‍🌈 👩🏽‍💻 ❤️ ‼️ 1️⃣ 🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f", "می\u200cخواهم", "क्\u200dष", "শ্রী র\u200d্যাব", "葛\U000e0100城",
		"مفتاح الخادم", "Z̴̡̛a̷̡l", "\u0600 123", `<b>&"'`, "ﬁ", "C++ №1",
	}
	check := func(name string) error {
		return s.CheckNewAPIKey(s.ctx, s.id, models.NewAPIKey{Name: name}, models.Fields{})
	}
	for _, name := range rejected {
		if err := check(name); err == nil {
			t.Errorf("%+q was accepted", name)
		} else {
			wantFields(t, err, "name")
		}
	}
	for _, name := range accepted {
		if err := check(name); err != nil {
			t.Errorf("%+q: %v", name, err)
		}
	}
	fields, _ := models.FieldsOf(check("C\u200bI"))
	if got, want := fields.Sentence("name", "Name"), "Name must not contain the invisible character U+200B. Type it instead of pasting it."; got != want {
		t.Errorf("error = %q, want %q", got, want)
	}
	key := s.stored(t, s.key(t, "CI"), "C\u200bI")
	wantFields(t, s.RenameAPIKey(s.ctx, s.id, key.ID, "CI\u200b"), "name")
	_, err := s.Store.Store.AddMember(s.ctx, s.id, models.NewMember{Email: "grace@acme.test", Name: "Grace\u202e"})
	wantFields(t, err, "name")
	_, _, err = s.Store.Store.CreateWorkspace(s.ctx, models.NewWorkspace{Name: "A\u202e", AdminEmail: "e@labs.test", AdminName: "E\u200b", Password: modelstest.Password})
	wantFields(t, err, "workspace", "name")
}

// TestStoredNamesStayValid checks that a key with a name from before the rule can be edited and rotated.
func TestStoredNamesStayValid(t *testing.T) {
	s := newFixture(t, modelstest.NewSQLite(t), "Acme", "ada@acme.test")
	key := s.stored(t, s.key(t, "CI"), "C\u200bI  ")
	if _, err := s.UpdateAPIKey(s.ctx, s.id, key.ID, models.KeyUpdate{Description: models.To("Builds")}); err != nil {
		t.Errorf("edit the description: %v", err)
	}
	if _, _, err := s.RotateAPIKey(s.ctx, s.id, key.ID, models.NewReplacement{}); err != nil {
		t.Errorf("rotate: %v", err)
	}
	for name, want := range map[string]bool{"CI": false, "CI Builds (prod)": false, "Café": true, "CI ": true, "C\u0406": true} {
		if got := models.IsHardToType(name); got != want {
			t.Errorf("IsHardToType(%+q) = %v, want %v", name, got, want)
		}
	}
}
