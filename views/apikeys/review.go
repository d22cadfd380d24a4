package apikeys

import (
	"strings"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/ui"
)

// ReviewPage shows the findings about the keys of a workspace.
type ReviewPage struct {
	Review  models.Review
	Current models.Finding // that the list is filtered by; may be empty
}

// findingText holds the texts of a finding.
type findingText struct {
	Label   string // follows the number of keys
	Help    string // what the finding means
	Head    string // heading of the list
	Deletes bool   // such keys are usually deleted
}

// findingTexts has %s for the age in the policy of the workspace.
var findingTexts = map[models.Finding]findingText{
	models.FindLifetime:  {"over the policy’s limit", "Expire later than your policy allows", "Expire later than your policy allows", false},
	models.FindUnused:    {"never used", "Created more than %s ago", "Created over %s ago and never used", true},
	models.FindIdle:      {"inactive", "No requests in %s", "No requests in the last %s", true},
	models.FindExpiring:  {"expiring soon", "Within 14 days", "Expiring within 14 days", false},
	models.FindOld:       {"due for rotation", "Created over %s ago", "Created over %s ago", false},
	models.FindScopes:    {"over-permissioned", "Have scopes they don’t use", "Keys with unused scopes", false},
	models.FindRetired:   {"with a retired scope", "Have scopes that are being phased out", "Keys with retired scopes", false},
	models.FindOwnerLeft: {"whose owner left", "Owner was deactivated", "Keys whose owner was deactivated", false},
	models.FindOrphaned:  {"created by a deleted key", "The key that created them was deleted", "Created by a key that was deleted", true},
	models.FindStillUsed: {"still in use after revocation", "Rejected requests this week", "Deleted, expired, or paused keys that clients still send", false},
}

// textOf returns the texts of a finding.
func textOf(finding models.Finding, policy models.KeyPolicy) findingText {
	text, age := findingTexts[finding], ""
	switch finding {
	case models.FindUnused:
		age = ui.Days(policy.ReviewUnusedDays)
	case models.FindIdle:
		age = ui.Days(policy.ReviewIdleDays)
	case models.FindOld:
		age = ui.Days(policy.ReviewOldDays)
	}
	text.Help, text.Head = strings.ReplaceAll(text.Help, "%s", age), strings.ReplaceAll(text.Head, "%s", age)
	return text
}

// FindingOf returns the finding with a name, or "" if there is none.
func FindingOf(name string) models.Finding {
	if _, known := findingTexts[models.Finding(name)]; known {
		return models.Finding(name)
	}
	return ""
}

// help returns what a finding means, or how urgent it is.
func (p ReviewPage) help(finding models.Finding, policy models.KeyPolicy) string {
	switch {
	case finding == models.FindExpiring && p.Review.WithinDay > 0:
		return ui.Count(p.Review.WithinDay) + " within a day"
	case finding == models.FindExpiring && p.Review.WithinWeek > 0:
		return ui.Count(p.Review.WithinWeek) + " within 7 days"
	}
	return textOf(finding, policy).Help
}

// tone returns the tone of a finding: urgent ones stand out.
func (p ReviewPage) tone(finding models.Finding) string {
	switch {
	case finding == models.FindExpiring && p.Review.WithinDay > 0:
		return "danger"
	case finding == models.FindExpiring, finding == models.FindStillUsed, finding == models.FindLifetime:
		return "warning"
	}
	return "none"
}

// scopesNote returns why there are no suggestions about scopes yet, or "".
func (p ReviewPage) scopesNote(now time.Time, location *time.Location) string {
	switch {
	case p.Review.ScopesObserved(now):
		return ""
	case p.Review.RecordedSince == nil:
		return "Unused-scope suggestions appear after 30 days of usage data."
	}
	return "Unused-scope suggestions appear after 30 days of usage data. Recording started on " + ui.Date(*p.Review.RecordedSince, location) + "."
}

// isRetired follows the names of retired scopes.
func isRetired(scopes int) string {
	if scopes == 1 {
		return "is retired"
	}
	return "are retired"
}

// finding returns the finding that the list is filtered by, or "".
func (p ListPage) finding() models.Finding { return FindingOf(p.Query.Get(ByReview)) }
