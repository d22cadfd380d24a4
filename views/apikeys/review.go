package apikeys

import (
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/ui"
)

// ReviewPage is what there is to look at among the keys.
type ReviewPage struct {
	Review  models.Review
	Current models.Finding // that the list shows; empty for none
}

// findingText is a finding in words.
type findingText struct {
	Label string // of the keys, after their number
	Help  string // what that means
	Head  string // over the list of them
	// Deletes says that these keys are mostly deleted, several at once.
	Deletes bool
}

var findingTexts = map[models.Finding]findingText{
	models.FindUnused:   {"never used", "made more than 30 days ago", "Never used, and made more than 30 days ago", true},
	models.FindIdle:     {"idle", "not used for 90 days", "Not used for 90 days", true},
	models.FindExpiring: {"expiring", "within 14 days", "Expiring within 14 days", false},
	models.FindOld:      {"old", "made more than a year ago", "Made more than a year ago", false},
	models.FindScopes:   {"with too many scopes", "in use, but not for all of them", "Holding scopes that they have never used", false},
	models.FindOrphaned: {"of people who left", "made by somebody deactivated", "Made by somebody who is deactivated", true},
	models.FindKnocking: {"still knocking", "refused, and sent this week", "Deleted, expired or paused, and still sent with requests", false},
}

// FindingOf is the finding that a word of an address means; empty if it means none.
func FindingOf(word string) models.Finding {
	if _, known := findingTexts[models.Finding(word)]; known {
		return models.Finding(word)
	}
	return ""
}

// help is what a finding means, with how urgent it is.
func (p ReviewPage) help(finding models.Finding) string {
	switch {
	case finding == models.FindExpiring && p.Review.WithinDay > 0:
		return ui.Count(p.Review.WithinDay) + " within a day"
	case finding == models.FindExpiring && p.Review.WithinWeek > 0:
		return ui.Count(p.Review.WithinWeek) + " within 7 days"
	}
	return findingTexts[finding].Help
}

// tone says which findings cannot wait.
func (p ReviewPage) tone(finding models.Finding) string {
	switch {
	case finding == models.FindExpiring && p.Review.WithinDay > 0:
		return "danger"
	case finding == models.FindExpiring, finding == models.FindKnocking:
		return "warning"
	}
	return "none"
}

// scopesNote says why scopes are not reviewed, if they are not.
func (p ReviewPage) scopesNote(now time.Time, location *time.Location) string {
	switch {
	case p.Review.ScopesObserved(now):
		return ""
	case p.Review.RecordedSince == nil:
		return "Scopes that keys do not need are told once usage has been recorded for 30 days. There is none yet."
	}
	return "Scopes that keys do not need are told once usage has been recorded for 30 days. It is since " + ui.Date(*p.Review.RecordedSince, location) + "."
}

// finding is what the list shows; empty for none.
func (p ListPage) finding() models.Finding { return FindingOf(p.Query.Review) }
