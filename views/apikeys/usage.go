package apikeys

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// UsageQuery is the query of the usage page of a key. Invalid values stand for the default.
type UsageQuery struct {
	Period string `query:"period"`
	By     string `query:"by"`     // "hour" or "day", if a period has both
	Keys   string `query:"keys"`   // "rotated" for all keys in the rotation history
	Caller string `query:"caller"` // what the callers shown match
	Seen   string `query:"seen"`   // the version of the page that the browser shows, see Seen
}

// usagePeriod is a period that the page offers.
type usagePeriod struct {
	Name, Label string
	days        int
	byHour      bool // by hour unless asked otherwise
	hasBoth     bool // by day on request
}

var usagePeriods = []usagePeriod{
	{"24h", "24 hours", 1, true, false},
	{"7d", "7 days", 7, true, true},
	{"30d", "30 days", 30, false, false},
	{"90d", "90 days", 90, false, false},
}

// UsageDays is the default period and that of the list, in days.
const UsageDays = 30

func (q UsageQuery) period() usagePeriod {
	standard := usagePeriods[2]
	for _, period := range usagePeriods {
		if period.Name == q.Period {
			return period
		}
	}
	return standard
}

// ByHour reports whether q asks for hours.
func (q UsageQuery) ByHour() bool {
	period := q.period()
	return period.byHour && !(period.hasBoth && q.By == "day")
}

// AllRotated reports whether q asks for all keys in the rotation history of the key.
func (q UsageQuery) AllRotated() bool { return q.Keys == allRotated }

const allRotated = "rotated"

// Window returns the window that q asks for, for a viewer in location.
func (q UsageQuery) Window(now time.Time, location *time.Location) usage.Window {
	if q.ByHour() {
		return usage.LastHours(now, q.period().days*24)
	}
	return usage.LastDays(now, q.period().days, location)
}

// values returns the parameters of q, which has defaults for the others.
func (q UsageQuery) values() url.Values {
	values := url.Values{}
	if q.period().days != UsageDays {
		values.Set("period", q.period().Name)
	}
	if q.period().hasBoth && !q.ByHour() {
		values.Set("by", "day")
	}
	if q.AllRotated() {
		values.Set("keys", allRotated)
	}
	if q.Caller != "" {
		values.Set("caller", q.Caller)
	}
	if q.Seen != "" {
		values.Set("seen", q.Seen)
	}
	return values
}

// url returns the URL of q under a path.
func (q UsageQuery) url(under string) string {
	values := q.values()
	if len(values) == 0 {
		return under
	}
	return under + "?" + values.Encode()
}

// PeriodName returns the name of the period, such as "30d".
func (q UsageQuery) PeriodName() string { return q.period().Name }

func (q UsageQuery) in(period string) UsageQuery {
	return UsageQuery{Period: period, Keys: q.Keys, Caller: q.Caller}
}

func (q UsageQuery) by(by string) UsageQuery {
	return UsageQuery{Period: q.period().Name, By: by, Keys: q.Keys, Caller: q.Caller}
}

func (q UsageQuery) of(keys string) UsageQuery {
	return UsageQuery{Period: q.Period, By: q.By, Keys: keys, Caller: q.Caller}
}

// allCallers returns q without the filter of callers.
func (q UsageQuery) allCallers() UsageQuery {
	return UsageQuery{Period: q.Period, By: q.By, Keys: q.Keys}
}

// callersURL returns the URL of the callers for q under a path. Callers have no period.
func (q UsageQuery) callersURL(under string) string {
	return UsageQuery{Keys: q.Keys}.url(under)
}

// UsagePage is the usage of a key, or of all keys in its rotation history. It refreshes itself.
type UsagePage struct {
	Query   UsageQuery
	Report  *models.UsageReport
	Callers []models.APIKeyCaller // last seen first
	Ever    int64                 // all requests with the key
	History []models.APIKey       // the rotation history of the key
	Now     time.Time
	Zone    *time.Location
}

// Seen returns the version of a page about window after a number of requests.
func Seen(requestsEver int64, window usage.Window) string {
	return strconv.FormatInt(requestsEver, 10) + "-" + strconv.FormatInt(window.Until.Unix(), 10)
}

func (p UsagePage) live(in path.Workspace) string {
	query := p.Query
	query.Seen = Seen(p.Ever, p.Report.Window)
	return query.url(in.APIKeyUsage(p.Report.Key.ID))
}

// statusClasses are the series of the chart, bottom first.
var statusClasses = []struct {
	class int
	ui.Series
}{
	{2, ui.Series{Label: "2xx", Tone: "success"}},
	{1, ui.Series{Label: "1xx"}},
	{3, ui.Series{Label: "3xx"}},
	{4, ui.Series{Label: "4xx", Tone: "warning"}},
	{5, ui.Series{Label: "5xx", Tone: "danger"}},
	{0, ui.Series{Label: "Other"}},
}

// chart returns the requests by status class. It leaves out unusual classes without requests.
func (p UsagePage) chart() ui.Chart {
	chart := ui.Chart{ID: "requests", Label: "Requests by status", Unit: "request", Head: "Day", Axis: "Requests per day"}
	if p.Query.ByHour() {
		chart.Head, chart.Axis = "Hour", "Requests per hour"
	}
	var classes []int
	for _, shown := range statusClasses {
		if shown.Tone != "" || p.Report.Total.Classes[shown.class] > 0 {
			chart.Series, classes = append(chart.Series, shown.Series), append(classes, shown.class)
		}
	}
	for i, sum := range p.Report.Periods {
		bar := p.bar(p.Report.Window.Starts[i])
		bar.SoFar = i == len(p.Report.Periods)-1 && p.Report.Window.Until.After(p.Now)
		for _, class := range classes {
			bar.Values = append(bar.Values, sum.Classes[class])
		}
		chart.Bars = append(chart.Bars, bar)
	}
	return chart
}

func (p UsagePage) bar(start time.Time) ui.Bar {
	at := start.In(p.Zone)
	switch {
	case p.Query.ByHour() && p.Query.period().days == 1:
		return ui.Bar{Label: at.Format("2 Jan 2006, 15:04 MST"), Tick: at.Format("15:04")}
	case p.Query.ByHour():
		return ui.Bar{Label: at.Format("2 Jan 2006, 15:04 MST"), Tick: at.Format("2 Jan")}
	}
	return ui.Bar{Label: at.Format("Mon, 2 Jan 2006"), Tick: at.Format("2 Jan")}
}

// maxRejections limits the rejections shown.
const maxRejections = 10

// rejections returns the latest rejections, one for each route and reason.
func (p UsagePage) rejections() []models.APIKeyRouteUse {
	var latest []models.APIKeyRouteUse
	for _, use := range p.Report.Uses {
		if use.Rejection != usage.Accepted && len(latest) < maxRejections {
			latest = append(latest, use)
		}
	}
	return latest
}

// reason returns why requests were rejected.
func reason(use models.APIKeyRouteUse) string {
	switch use.Rejection {
	case usage.RejectedDeleted:
		return "The key was deleted"
	case usage.RejectedExpired:
		return "The key had expired"
	case usage.RejectedPaused:
		return "The key was paused"
	case usage.RejectedScope:
		return "Missing scope: " + use.Scope
	case usage.RejectedRateLimit:
		return "Rate limited"
	case usage.RejectedAddress:
		return "Address not in the IP allowlist"
	}
	return string(use.Rejection)
}

// UsageSummary is the usage of a key in the last days.
type UsageSummary struct {
	Total   usage.Total
	Days    int
	Highest int64 // requests on one day with any key on the page
}

func (s UsageSummary) label() string {
	label := ui.Plural(s.Total.Requests, "request") + " in " + ui.Plural(int64(s.Days), "day")
	if s.Total.Rejected > 0 {
		label += ", " + ui.Count(s.Total.Rejected) + " rejected"
	}
	return label
}

// summaryOf returns the summary of a key in the list.
func (p ListPage) summaryOf(id string) UsageSummary {
	return UsageSummary{p.Usage[id], UsageDays, p.highestDay()}
}

// highestDay returns the most requests on one day with a key in the list.
func (p ListPage) highestDay() (highest int64) {
	for _, total := range p.Usage {
		for _, requests := range total.Days {
			highest = max(highest, requests)
		}
	}
	return highest
}

// lastRequest returns the time of the last request with the key, accepted or rejected.
func (p UsagePage) lastRequest() time.Time {
	if len(p.Report.Uses) == 0 {
		return p.Now
	}
	return p.Report.Uses[0].LastAt
}

// shownCaller is a caller in the table.
type shownCaller struct {
	*models.APIKeyCaller
	IsNew bool
}

// allCallers returns the callers of the key, and matchingCallers those that match the filter.
func (p UsagePage) allCallers() []shownCaller { return p.callers(models.CallerFilter{}) }

func (p UsagePage) matchingCallers() []shownCaller {
	return p.callers(models.ParseCallerFilter(p.Query.Caller))
}

func (p UsagePage) callers(filter models.CallerFilter) (shown []shownCaller) {
	isNew, _ := models.NewCallers(p.Callers, p.Now)
	for i := range p.Callers {
		if filter.Matches(&p.Callers[i]) {
			shown = append(shown, shownCaller{&p.Callers[i], isNew[i]})
		}
	}
	return shown
}

// isFiltered reports whether the table may leave out callers.
func (p UsagePage) isFiltered() bool { return !models.ParseCallerFilter(p.Query.Caller).IsEmpty() }

// hasCallersTogether reports whether some callers are counted together, which a filter can't tell apart.
func (p UsagePage) hasCallersTogether() bool {
	return slices.ContainsFunc(p.Callers, func(c models.APIKeyCaller) bool { return c.IsSeveral() })
}

func sumOf(callers []shownCaller) (accepted, rejected int64) {
	for _, c := range callers {
		accepted += c.Accepted
		rejected += c.Rejected
	}
	return accepted, rejected
}

// severalCallers returns how many callers are counted together.
func severalCallers(c *models.APIKeyCaller) string {
	thing := "other user agent"
	if c.IsOthers() {
		thing = "other caller"
	}
	switch {
	case c.Others.IsExact():
		return ui.Plural(int64(c.Others.Len()), thing)
	case c.Others.Len() > 0:
		return "At least " + ui.Plural(int64(c.Others.Len()), thing)
	}
	return strings.ToUpper(thing[:1]) + thing[1:] + "s"
}
