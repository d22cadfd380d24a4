package apikeys

import (
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestPauseFormUntil(t *testing.T) {
	auckland := time.FixedZone("NZDT", 13*60*60)
	for _, tt := range []struct {
		form  PauseForm
		until time.Time
		says  string
	}{
		{PauseForm{For: "15m"}, now.Add(15 * time.Minute), ""},
		{PauseForm{For: "1h", Until: "2026-11-30T12:00"}, now.Add(time.Hour), ""},
		{PauseForm{For: "24h"}, now.Add(day), ""},
		{PauseForm{For: PauseUntil, Until: "2026-11-25T12:30"}, time.Date(2026, 11, 24, 23, 30, 0, 0, time.UTC), ""},
		{PauseForm{For: PauseUntil}, time.Time{}, "must be a date and time"},
		{PauseForm{For: PauseUntil, Until: "2026-11-25"}, time.Time{}, "must be a date and time"},
		{PauseForm{For: "48h"}, time.Time{}, "must be one of the options"},
		{PauseForm{}, time.Time{}, "must be one of the options"},
	} {
		until, errors := tt.form.UntilAt(now, auckland)
		if !until.Equal(tt.until) {
			t.Errorf("%+v: until = %s, want %s", tt.form, until, tt.until)
		}
		if errors["until"] != tt.says {
			t.Errorf("%+v: error = %q, want %q", tt.form, errors["until"], tt.says)
		}
	}
	form := drawn(t, Pause(PausePage{Key: keyNamed("CI"), Form: PauseForm{For: DefaultPause}})).Find("fieldset.radios")
	if got, want := text(form.Find(".pick")), "15 minutes 1 hour 1 day Until a date…"; got != want {
		t.Errorf("the choices are %q, want %q", got, want)
	}
	checked := form.Find("input[checked]")
	modelstest.Equal(t, "checked choices", checked.Length(), 1)
	modelstest.Equal(t, "checked choice", checked.AttrOr("value", ""), "1h")
	until := form.Find("#until")
	modelstest.Equal(t, "min", until.AttrOr("min", ""), "2026-11-24T12:00")
	modelstest.Equal(t, "max", until.AttrOr("max", ""), "2027-02-22T12:00")
	modelstest.Contains(t, "form", text(form), "UTC time. Up to 90 days from now.")
	if until.AttrOr("aria-invalid", "") != "" {
		t.Error("an empty form is invalid")
	}
	wrong := drawn(t, Pause(PausePage{Key: keyNamed("CI"), Form: PauseForm{For: PauseUntil}, Errors: models.Fields{"until": "must be within 90 days. To stop the key for good, delete it"}})).Find("fieldset.radios")
	modelstest.Equal(t, "aria-describedby", wrong.AttrOr("aria-describedby", ""), "until-error")
	modelstest.Equal(t, "invalid fields", wrong.Find("#until[aria-invalid=true]").Length(), 1)
	modelstest.Contains(t, "error", text(wrong.Find("#until-error")), "End time must be within 90 days. To stop the key for good, delete it.")
}

func TestPauseButton(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*models.APIKey)
		offers bool
	}{
		{"active", func(k *models.APIKey) { k.ExpiresAt = nil }, true},
		{"about to expire", func(*models.APIKey) {}, true},
		{"expired", func(k *models.APIKey) { k.ExpiresAt = ago(0) }, false},
		{"deleted", func(k *models.APIKey) { k.DeletedAt = ago(0) }, false},
	} {
		key := keyNamed("CI")
		tt.change(key)
		page := drawn(t, Show(detailOf(key)))
		if offers := page.Find("a[href$='/pause']").Length() == 1; offers != tt.offers || strings.Contains(page.Text(), "Paused.") {
			t.Errorf("%s: a pause is offered %t", tt.name, offers)
		}
	}
	key := keyNamed("CI")
	key.PausedAt, key.PausedUntil, key.PausedByName = ago(20*time.Minute), new(now.Add(40*time.Minute)), "Paula"
	page := drawn(t, Show(detailOf(key)))
	if got, want := text(page.Find("form[action$='/resume']").Parent().Parent().Find("p")), "Paused. Resumes in 40 minutes , 24 Nov 2026, 12:40 UTC Paused by Paula 20 minutes ago , 24 Nov 2026, 11:40 UTC ."; !strings.HasPrefix(got, want) {
		t.Errorf("a paused key says %q, want %q", got, want)
	}
	list := ListPage{List: models.APIKeyList{Keys: []models.APIKey{*key}, Matching: 1, Counts: map[models.KeyStatus]int64{models.KeyPaused: 1}}}
	if got := text(drawn(t, List(list)).Find("[data-cell=status]")); got != "Paused Resumes in 40 minutes , 24 Nov 2026, 12:40 UTC" {
		t.Errorf("the list says %q", got)
	}
}
