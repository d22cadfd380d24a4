package apikeys

import (
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

// toRotate returns a key with a used and an unused scope.
func toRotate() RotatePage {
	key := keyNamed("CI")
	key.Scopes, key.ExpiresAt = scope.Of(scope.SeatsRead, scope.SeatsWrite), nil
	return RotatePage{
		Key: key, Form: RotateForm{Access: Access{Scopes: key.Scopes.Names()}},
		Uses: usage.ScopeUses{Accepted: 41_233, Scopes: []usage.ScopeUse{{Scope: scope.SeatsRead, Requests: 1200}, {Scope: scope.SeatsWrite}}},
	}
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
	if needed, unneeded := page.box(page.Uses.Scopes[0]).Change.Danger, page.box(page.Uses.Scopes[1]).Change.Danger; !strings.Contains(needed, "403") || unneeded != "" {
		t.Errorf("warning for a used scope = %q, for an unused one = %q", needed, unneeded)
	}
	page.LeaveOutUnused()
	if shown = drawn(t, Rotate(page)).Find("#panel fieldset").First(); strings.Join(page.Form.Scopes, " ") != "seats.read" || shown.Find("button[name=preset]").Length() != 0 ||
		!strings.Contains(text(shown), "Scopes unused in the last 30 days are removed.") {
		t.Errorf("without unused scopes: scopes = %v, page = %s", page.Form.Scopes, text(shown))
	}
	for name, tt := range map[string]struct {
		uses usage.ScopeUses
		says string
	}{
		"one request":     {usage.ScopeUses{Accepted: 1, Scopes: []usage.ScopeUse{{Scope: scope.SeatsRead, Requests: 1}}}, "Used by 1 of 1 request (seats.read)"},
		"all were needed": {usage.ScopeUses{Accepted: 1, Scopes: []usage.ScopeUse{{Scope: scope.SeatsRead, Requests: 1}}}, "All scopes were used in the last 30 days."},
		"no request":      {usage.ScopeUses{Scopes: []usage.ScopeUse{{Scope: scope.SeatsRead}}}, "so we can’t suggest scopes to remove"},
	} {
		page := toRotate()
		page.Uses = tt.uses
		if got := text(drawn(t, Rotate(page)).Find("#panel fieldset").First()); !strings.Contains(got, tt.says) || strings.Contains(got, "Unused") || strings.Contains(got, "0 of 0") {
			t.Errorf("%s: page = %s", name, got)
		}
	}
	page.Key.Scopes = 0
	if got := text(drawn(t, Rotate(page)).Find("#panel fieldset").First()); !strings.Contains(got, "so the new key won’t have any") || strings.Contains(got, "Used by") {
		t.Errorf("page of a key without scopes = %s", got)
	}
}

func TestReplacementHasTheSameDuration(t *testing.T) {
	late := time.FixedZone("late", 14*60*60)
	page := toRotate()
	labels := func() string {
		var said []string
		for _, choice := range page.expiryChoices(now, late) {
			said = append(said, choice.Value+": "+choice.Label)
		}
		return strings.Join(said, ", ")
	}
	if got := labels(); !strings.HasPrefix(got, "keep: Same as now, 30: ") || strings.Contains(got, "never") || page.expiryChoices(now, late)[0].Result != "No expiry" {
		t.Errorf("choices for a key that never expires = %s", got)
	}
	page.Key.CreatedAt, page.Key.ExpiresAt = *ago(20 * day), new(now.Add(10*day))
	if got := labels(); !strings.HasPrefix(got, "keep: Same duration, 30: ") || !strings.Contains(got, "never") || page.expiryChoices(now, late)[0].Result != "25 Dec 2026" {
		t.Errorf("choices for a key that expires = %s, first result = %s", got, page.expiryChoices(now, late)[0].Result)
	}
	for expiry, want := range map[string]string{"": ExpiryKeep, "30": "30"} {
		page.Form.Expiry = expiry
		if got := drawn(t, Rotate(page)).Find("input[name=expiry][checked]").AttrOr("value", ""); got != want {
			t.Errorf("selected expiry = %q, want %q for %q", got, want, expiry)
		}
	}
}
