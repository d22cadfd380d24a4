package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/wire"
	"github.com/skipup/keys/web"
)

// usage is what a key was used for. Each list of it adds up to requests; null stands for
// requests that have no such thing.
type usage struct {
	APIKeyID string         `json:"api_key_id"`
	By       string         `json:"by"`
	From     wire.Timestamp `json:"from"`
	Until    wire.Timestamp `json:"until"` // not included
	usageSum
	Periods  []usagePeriod  `json:"periods"`
	Routes   []usageRoute   `json:"routes"`
	Scopes   []usageScope   `json:"scopes"`
	Refusals []usageRefusal `json:"refusals"`
}

// usageSum is a number of requests, and how they were answered.
type usageSum struct {
	Requests int64         `json:"requests"`
	Refused  int64         `json:"refused"`
	Statuses usageStatuses `json:"statuses"`
}

type usageStatuses struct {
	Informational int64 `json:"1xx"`
	Successful    int64 `json:"2xx"`
	Redirection   int64 `json:"3xx"`
	ClientError   int64 `json:"4xx"`
	ServerError   int64 `json:"5xx"`
}

type usagePeriod struct {
	StartsAt wire.Timestamp `json:"starts_at"`
	usageSum
}

type usageRoute struct {
	Route *string `json:"route"` // null where no route answered
	Scope *string `json:"scope"` // that it needs
	usageSum
}

type usageScope struct {
	Scope      *string         `json:"scope"` // null for what needs none
	Held       bool            `json:"held"`
	LastUsedAt *wire.Timestamp `json:"last_used_at"` // by an accepted request, also before from
	usageSum
}

type usageRefusal struct {
	Reason   string `json:"reason"`
	Requests int64  `json:"requests"`
}

// usageQuery asks for a period that ends now, or for a time from and until.
type usageQuery struct {
	ID     string `param:"id"`
	Period string `query:"period"`
	From   string `query:"from"`
	Until  string `query:"until"`
	By     string `query:"by"`
}

// The most that one answer is about.
const (
	maxUsageHours = 31 * 24
	maxUsageDays  = 366
)

// usagePeriods are the periods to choose from, in days.
var usagePeriods = map[string]int{"24h": 1, "7d": 7, "30d": 30, "90d": 90}

const usagePeriodNames = "24h, 7d, 30d, 90d"

// usage reports what a key was used for.
func (h apiKeys) usage(ctx context.Context, caller web.Caller, in usageQuery) (usage, error) {
	window, err := in.window(h.store.Now())
	if err != nil {
		return usage{}, err
	}
	report, err := h.store.UsageReport(ctx, caller.WorkspaceID, in.ID, window)
	if err != nil {
		return usage{}, err
	}
	return presentReport(report, in.by()), nil
}

// by is what the requests are counted by: the default is what shows a period best.
func (q usageQuery) by() string {
	switch {
	case q.By != "":
		return q.By
	case q.Period == "24h":
		return "hour"
	}
	return "day"
}

// window is the time that q asks about, in days of UTC or in hours.
func (q usageQuery) window(now time.Time) (models.UsageWindow, error) {
	if by := q.by(); by != "hour" && by != "day" {
		return models.UsageWindow{}, invalid("by", "must be hour or day")
	}
	if q.From != "" || q.Until != "" {
		if q.Period != "" {
			return models.UsageWindow{}, models.Errorf(models.FailedPrecondition, "Give either period, or from and until.")
		}
		return q.between(now)
	}
	days, known := usagePeriods[q.Period]
	switch {
	case q.Period == "":
		days = usagePeriods["30d"]
	case !known:
		return models.UsageWindow{}, invalid("period", "must be one of "+usagePeriodNames)
	}
	if q.by() == "day" {
		return models.LastDays(now, days, time.UTC), nil
	}
	if days*24 > maxUsageHours {
		return models.UsageWindow{}, invalid("by", "must be day for a period of more than 31 days")
	}
	return models.LastHours(now, days*24), nil
}

// between is the window of the whole periods that from and until are in.
func (q usageQuery) between(now time.Time) (models.UsageWindow, error) {
	from, fromErr := parseTime("from", q.From)
	until, untilErr := parseTime("until", q.Until)
	if err := errors.Join(fromErr, untilErr); err != nil {
		return models.UsageWindow{}, err
	}
	length, most, kept, window := 24*time.Hour, maxUsageDays, models.UsageDaysKept, models.DaysBetween
	if q.by() == "hour" {
		length, most, kept, window = time.Hour, maxUsageHours, models.UsageHoursKept, models.HoursBetween
	}
	if until == nil {
		until = &now
	}
	switch {
	case from == nil:
		return models.UsageWindow{}, invalid("from", "must be given with until")
	case !from.Before(*until):
		return models.UsageWindow{}, invalid("from", "must be before until")
	case now.Sub(*from) > kept:
		return models.UsageWindow{}, invalid("from", fmt.Sprintf("must be within the last %d days: by %s, usage is not kept longer", int(kept.Hours()/24), q.by()))
	case until.Sub(*from) > time.Duration(most)*length:
		return models.UsageWindow{}, invalid("until", fmt.Sprintf("must be at most %d days after from, by %s", time.Duration(most)*length/(24*time.Hour), q.by()))
	}
	return window(from.UTC().Truncate(length), *until), nil
}

func presentReport(report *models.UsageReport, by string) usage {
	out := usage{
		APIKeyID: report.Key.ID, By: by,
		From: wire.Timestamp(report.Window.Starts[0]), Until: wire.Timestamp(report.Window.Until), usageSum: presentSum(report.Total),
		Periods: make([]usagePeriod, len(report.Periods)), Routes: make([]usageRoute, len(report.Routes)),
		Scopes: presentScopes(report), Refusals: []usageRefusal{},
	}
	for i, sum := range report.Periods {
		out.Periods[i] = usagePeriod{wire.Timestamp(report.Window.Starts[i]), presentSum(sum)}
	}
	for i, part := range report.Routes {
		out.Routes[i] = usageRoute{orNull(part.Name), orNull(part.Scope), presentSum(part.UsageSum)}
	}
	for _, part := range report.Refusals {
		if part.Name != string(models.Accepted) {
			out.Refusals = append(out.Refusals, usageRefusal{part.Name, part.Requests})
		}
	}
	return out
}

// presentScopes lists what was needed in the window, and what the key holds beyond that.
func presentScopes(report *models.UsageReport) []usageScope {
	lastUses, rest := report.LastUses(), report.Key.Scopes
	scopes := make([]usageScope, 0, len(report.Scopes))
	for _, part := range report.Scopes {
		needed, known := scope.Parse(part.Name)
		if known {
			rest = rest.Without(scope.Of(needed))
		}
		scopes = append(scopes, usageScope{orNull(part.Name), known && report.Key.Scopes.Has(needed), wire.OptionalTimestamp(lastUses[part.Name]), presentSum(part.UsageSum)})
	}
	for _, unused := range rest.Names() {
		scopes = append(scopes, usageScope{Scope: &unused, Held: true, LastUsedAt: wire.OptionalTimestamp(lastUses[unused])})
	}
	return scopes
}

func presentSum(sum models.UsageSum) usageSum {
	return usageSum{sum.Requests, sum.Refused, usageStatuses{sum.Classes[1], sum.Classes[2], sum.Classes[3], sum.Classes[4], sum.Classes[5]}}
}

// orNull is null for an empty text.
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
