package api

import (
	"context"
	"fmt"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/models/wire"
	"github.com/skipup/keys/web"
)

// usageReport is the usage of a key. Each of its lists adds up to requests. Null stands for requests
// without a route or a scope.
type usageReport struct {
	APIKeyID string         `json:"api_key_id"`
	By       string         `json:"by"`
	From     wire.Timestamp `json:"from"`
	Until    wire.Timestamp `json:"until"` // exclusive
	usageSum
	Periods  []usagePeriod  `json:"periods"`
	Routes   []usageRoute   `json:"routes"`
	Scopes   []usageScope   `json:"scopes"`
	Refusals []usageRefusal `json:"refusals"`
	Outside  int64          `json:"outside_allowlist"` // accepted
}

// usageSum is a number of requests by outcome.
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
	Route *string `json:"route"` // null if no route matched
	Scope *string `json:"scope"` // required by the route
	usageSum
}

type usageScope struct {
	Scope      *string         `json:"scope"` // null for none
	Held       bool            `json:"held"`
	LastUsedAt *wire.Timestamp `json:"last_used_at"` // by an accepted request, possibly before from
	usageSum
}

type usageRefusal struct {
	Reason   string `json:"reason"`
	Requests int64  `json:"requests"`
}

// usageQuery asks for a period that ends now, or for the time between from and until.
type usageQuery struct {
	ID     string `param:"id"`
	Period string `query:"period"`
	From   string `query:"from"`
	Until  string `query:"until"`
	By     string `query:"by"`
}

// The most periods in one response.
const (
	maxUsageHours = 31 * 24
	maxUsageDays  = 366
)

// usagePeriods are the values of period, in days.
var usagePeriods = map[string]int{"24h": 1, "7d": 7, "30d": 30, "90d": 90}

var usagePeriodNames = []string{"24h", "7d", "30d", "90d"}

// usage reports the usage of a key.
func (h apiKeys) usage(ctx context.Context, caller web.Caller, in usageQuery) (usageReport, error) {
	window, err := in.window(h.store.Now(), h.store.UsageKept())
	if err != nil {
		return usageReport{}, err
	}
	report, err := h.store.UsageReport(ctx, caller.WorkspaceID, in.ID, window)
	if err != nil {
		return usageReport{}, err
	}
	return presentReport(report, in.by(), h.store.Scopes()), nil
}

// by returns the unit that requests are counted by, which by default depends on the period.
func (q usageQuery) by() string {
	switch {
	case q.By != "":
		return q.By
	case q.Period == "24h":
		return "hour"
	}
	return "day"
}

// window returns the window that q asks for, in days of UTC or in hours. Days are kept for a time.
func (q usageQuery) window(now time.Time, daysKept time.Duration) (usage.Window, error) {
	if by := q.by(); by != "hour" && by != "day" {
		return usage.Window{}, invalid("by", models.OneOf(by, []string{"hour", "day"}))
	}
	if q.From != "" || q.Until != "" {
		if q.Period != "" {
			return usage.Window{}, models.Errorf(models.FailedPrecondition, "Specify either period, or from and until.")
		}
		return q.between(now, daysKept)
	}
	days, known := usagePeriods[q.Period]
	switch {
	case q.Period == "":
		days = usagePeriods["30d"]
	case !known:
		return usage.Window{}, invalid("period", models.OneOf(q.Period, usagePeriodNames))
	}
	if q.by() == "day" {
		return usage.LastDays(now, days, time.UTC), nil
	}
	if days*24 > maxUsageHours {
		return usage.Window{}, invalid("by", "must be day for a period of more than 31 days")
	}
	return usage.LastHours(now, days*24), nil
}

// between returns the window of the periods that contain from and until.
func (q usageQuery) between(now time.Time, daysKept time.Duration) (usage.Window, error) {
	from, fromErr := parseTime("from", q.From)
	until, untilErr := parseTime("until", q.Until)
	if err := models.JoinInvalid(fromErr, untilErr); err != nil {
		return usage.Window{}, err
	}
	by, most, kept := usage.Daily, maxUsageDays, daysKept
	if q.by() == "hour" {
		by, most, kept = usage.Hourly, maxUsageHours, models.UsageHoursKept
	}
	if until == nil {
		until = &now
	}
	switch {
	case from == nil:
		return usage.Window{}, invalid("from", "must be given with until")
	case !from.Before(*until):
		return usage.Window{}, invalid("from", "must be before until")
	case now.Sub(*from) > kept:
		return usage.Window{}, invalid("from", fmt.Sprintf("must be within the last %d days: by %s, usage is not kept longer", int(kept.Hours()/24), q.by()))
	case until.Sub(*from) > time.Duration(most)*time.Duration(by):
		return usage.Window{}, invalid("until", fmt.Sprintf("must be at most %d days after from, by %s", time.Duration(most)*time.Duration(by)/(24*time.Hour), q.by()))
	}
	return usage.Between(by.Start(*from), *until, by), nil
}

func presentReport(report *models.UsageReport, by string, scopes *scope.Catalog) usageReport {
	out := usageReport{
		APIKeyID: report.Key.ID, By: by,
		From: wire.Timestamp(report.Window.Starts[0]), Until: wire.Timestamp(report.Window.Until), usageSum: presentSum(report.Total),
		Periods: make([]usagePeriod, len(report.Periods)), Routes: make([]usageRoute, len(report.Routes)),
		Scopes: presentScopes(report.ScopeUsages(scopes)), Refusals: []usageRefusal{}, Outside: report.Total.Outside,
	}
	for i, sum := range report.Periods {
		out.Periods[i] = usagePeriod{wire.Timestamp(report.Window.Starts[i]), presentSum(sum)}
	}
	for i, part := range report.Routes {
		out.Routes[i] = usageRoute{orNull(part.Name), orNull(part.Scope), presentSum(part.Sum)}
	}
	for _, part := range report.Rejections {
		if part.Name != string(usage.Accepted) {
			out.Refusals = append(out.Refusals, usageRefusal{part.Name, part.Requests})
		}
	}
	return out
}

func presentScopes(usages []models.ScopeUsage) []usageScope {
	scopes := make([]usageScope, len(usages))
	for i, u := range usages {
		scopes[i] = usageScope{orNull(u.Name), u.Held, wire.OptionalTimestamp(u.LastAt), presentSum(u.Sum)}
	}
	return scopes
}

func presentSum(sum usage.Sum) usageSum {
	return usageSum{sum.Requests, sum.Rejected, usageStatuses{sum.Classes[1], sum.Classes[2], sum.Classes[3], sum.Classes[4], sum.Classes[5]}}
}

// orNull returns nil for an empty string.
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
