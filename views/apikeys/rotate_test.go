package apikeys

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
)

// toRotate returns a key with a used and an unused scope.
func toRotate() RotatePage {
	key := keyNamed("CI")
	key.Scopes, key.ExpiresAt = scope.Of(scope.SeatsRead, scope.SeatsWrite), nil
	return RotatePage{
		Key: key, Form: RotateForm{Access: Access{Scopes: scope.Builtin.Names(key.Scopes)}},
		Uses: usage.ScopeUses{Accepted: 41_233, Scopes: []usage.ScopeUse{{Definition: definition(scope.SeatsRead), Requests: 1200}, {Definition: definition(scope.SeatsWrite)}}},
	}
}

func definition(s scope.Scope) scope.Definition {
	d, _ := scope.Builtin.Definition(s)
	return d
}

func TestRotateSuggestsScopesToRemove(t *testing.T) {
	page := toRotate()
	shown := drawn(t, Rotate(page)).Find("#panel fieldset").First()
	for _, want := range []string{"Used by 1,200 of 41,233 requests (seats.read)", "Used by 0 of 41,233 requests (seats.write)", "seats.write wasn’t used in the last 30 days."} {
		if got := text(shown); !strings.Contains(got, want) {
			t.Errorf("page lacks %q: %s", want, got)
		}
	}
	if shown.Find("button[name=preset]").Length() != 1 || strings.Count(text(shown), "Unused") != 1 {
		t.Errorf("unused scope is not marked exactly once: %s", text(shown))
	}
	if needed, unneeded := page.box(page.Uses.Scopes[0], scope.Builtin).Change.Danger, page.box(page.Uses.Scopes[1], scope.Builtin).Change.Danger; !strings.Contains(needed, "403") || unneeded != "" {
		t.Errorf("warning for a used scope = %q, for an unused one = %q", needed, unneeded)
	}
	page.LeaveOutUnused(scope.Builtin)
	modelstest.Equal(t, "scopes in use", page.Form.Scopes, []string{"seats.read"})
	shown = drawn(t, Rotate(page)).Find("#panel fieldset").First()
	modelstest.Equal(t, "presets", shown.Find("button[name=preset]").Length(), 0)
	modelstest.Contains(t, "page without unused scopes", text(shown), "Scopes unused in the last 30 days are removed.")
	for name, tt := range map[string]struct {
		uses usage.ScopeUses
		says string
	}{
		"one request":     {usage.ScopeUses{Accepted: 1, Scopes: []usage.ScopeUse{{Definition: definition(scope.SeatsRead), Requests: 1}}}, "Used by 1 of 1 request (seats.read)"},
		"all were needed": {usage.ScopeUses{Accepted: 1, Scopes: []usage.ScopeUse{{Definition: definition(scope.SeatsRead), Requests: 1}}}, "All scopes were used in the last 30 days."},
		"no request":      {usage.ScopeUses{Scopes: []usage.ScopeUse{{Definition: definition(scope.SeatsRead)}}}, "so we can’t suggest scopes to remove"},
	} {
		page := toRotate()
		page.Uses = tt.uses
		got := text(drawn(t, Rotate(page)).Find("#panel fieldset").First())
		modelstest.Contains(t, name, got, tt.says)
		for _, wrong := range []string{"Unused", "0 of 0"} {
			if strings.Contains(got, wrong) {
				t.Errorf("%s: page contains %q: %s", name, wrong, got)
			}
		}
	}
	page.Key.Scopes = scope.Set{}
	if got := text(drawn(t, Rotate(page)).Find("#panel fieldset").First()); !strings.Contains(got, "so the new key won’t have any") || strings.Contains(got, "Used by") {
		t.Errorf("page of a key without scopes = %s", got)
	}
}

func TestReplacementHasTheSameDuration(t *testing.T) {
	late := time.FixedZone("late", 14*60*60)
	page := toRotate()
	check := func(label, result string, never bool) {
		t.Helper()
		choices := page.expiryChoices(viewer.Viewer{Now: now, Location: late})
		modelstest.Equal(t, "first choice", choices[0].Value, "keep")
		modelstest.Equal(t, "label", choices[0].Label, label)
		modelstest.Equal(t, "result", choices[0].Result, result)
		offered := slices.ContainsFunc(choices, func(choice ui.Choice) bool { return choice.Value == "never" })
		modelstest.Equal(t, "never is offered", offered, never)
	}
	check("Same as now", "No expiry", false)
	page.Key.CreatedAt, page.Key.ExpiresAt = *ago(20 * day), new(now.Add(10*day))
	check("Same duration", "25 Dec 2026", true)
	for expiry, want := range map[string]string{"": ExpiryKeep, "30": "30"} {
		page.Form.Expiry = expiry
		if got := drawn(t, Rotate(page)).Find("input[name=expiry][checked]").AttrOr("value", ""); got != want {
			t.Errorf("selected expiry = %q, want %q for %q", got, want, expiry)
		}
	}
}
