package apikeys

import (
	"net/url"
	"strconv"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// UsageQuery is what the address of a key's usage asks for. A word that means nothing asks for
// the default.
type UsageQuery struct {
	Period string `query:"period"`
	By     string `query:"by"`   // "hour" or "day", where a period has both
	Keys   string `query:"keys"` // "lineage" for all keys that took each other's place
	Seen   string `query:"seen"` // of the part that is shown: see UsagePage
}

// usagePeriod is a time to choose.
type usagePeriod struct {
	Name, Label string
	days        int
	byHour      bool // hours show it best
	hasBoth     bool // and days are shown if asked for
}

var usagePeriods = []usagePeriod{
	{"24h", "24 hours", 1, true, false},
	{"7d", "7 days", 7, true, true},
	{"30d", "30 days", 30, false, false},
	{"90d", "90 days", 90, false, false},
}

// UsageDays is the default period, and that of the list.
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

// OfLineage reports whether q asks for the predecessors and successors of the key too.
func (q UsageQuery) OfLineage() bool { return q.Keys == ofLineage }

const ofLineage = "lineage"

// Window is the time that q asks for at now, for a viewer in location.
func (q UsageQuery) Window(now time.Time, location *time.Location) usage.Window {
	if q.ByHour() {
		return usage.LastHours(now, q.period().days*24)
	}
	return usage.LastDays(now, q.period().days, location)
}

// address is where q is asked, under a path.
func (q UsageQuery) address(under string) string {
	values := url.Values{}
	if q.period().days != UsageDays {
		values.Set("period", q.period().Name)
	}
	if q.period().hasBoth && !q.ByHour() {
		values.Set("by", "day")
	}
	if q.OfLineage() {
		values.Set("keys", ofLineage)
	}
	if q.Seen != "" {
		values.Set("seen", q.Seen)
	}
	if len(values) == 0 {
		return under
	}
	return under + "?" + values.Encode()
}

func (q UsageQuery) in(period string) UsageQuery { return UsageQuery{Period: period, Keys: q.Keys} }

func (q UsageQuery) by(by string) UsageQuery {
	return UsageQuery{Period: q.period().Name, By: by, Keys: q.Keys}
}

func (q UsageQuery) of(keys string) UsageQuery {
	return UsageQuery{Period: q.Period, By: q.By, Keys: keys}
}

// callersAddress is where q's callers are, under a path: they are those of all times.
func (q UsageQuery) callersAddress(under string) string {
	return UsageQuery{Keys: q.Keys}.address(under)
}

// UsagePage is what a key was used for, or all keys of its line. The page asks for itself anew, and says what it has seen
// by the number of requests ever and the end of its time.
type UsagePage struct {
	Query   UsageQuery
	Report  *models.UsageReport
	Callers []models.APIKeyCaller // the last seen first
	Ever    int64                 // requests that came with the key
	Line    []models.APIKey       // the keys that took each other's place, with the key itself
	Now     time.Time
	Zone    *time.Location
}

// Seen is what a page about window has seen when so many requests had come ever.
func Seen(requestsEver int64, window usage.Window) string {
	return strconv.FormatInt(requestsEver, 10) + "-" + strconv.FormatInt(window.Until.Unix(), 10)
}

func (p UsagePage) live() string {
	query := p.Query
	query.Seen = Seen(p.Ever, p.Report.Window)
	return query.address(path.APIKeyUsage(p.Report.Key.ID))
}

// The classes of statuses in the chart, from the ground up.
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

// chart is the requests by status class. Classes that are rare by their nature are in it only if
// there are any.
func (p UsagePage) chart() ui.Chart {
	chart := ui.Chart{ID: "requests", Label: "Requests by status", Unit: "request", Head: "Day"}
	if p.Query.ByHour() {
		chart.Head = "Hour"
	}
	var classes []int
	for _, shown := range statusClasses {
		if shown.Tone != "" || p.Report.Total.Classes[shown.class] > 0 {
			chart.Series, classes = append(chart.Series, shown.Series), append(classes, shown.class)
		}
	}
	for i, sum := range p.Report.Periods {
		bar := p.bar(p.Report.Window.Starts[i])
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
		return ui.Bar{Label: at.Format("2 Jan 2006, 15:04"), Tick: at.Format("15:04")}
	case p.Query.ByHour():
		return ui.Bar{Label: at.Format("2 Jan 2006, 15:04"), Tick: at.Format("2 Jan")}
	}
	return ui.Bar{Label: at.Format("Mon, 2 Jan 2006"), Tick: at.Format("2 Jan")}
}

// neededScope is a scope with the requests that needed it.
type neededScope struct {
	usage.Part
	Held   bool
	LastAt *time.Time // accepted; nil for never
}

// scopes lists what was needed, and then what the key holds and nobody needed.
func (p UsagePage) scopes() []neededScope {
	lastUses, unused := p.Report.LastUses(), p.Report.Key.Scopes
	var list []neededScope
	for _, part := range p.Report.Scopes {
		needed, known := scope.Parse(part.Name)
		if known {
			unused = unused.Without(scope.Of(needed))
		}
		list = append(list, neededScope{part, known && p.Report.Key.Scopes.Has(needed), lastUses[part.Name]})
	}
	for _, word := range unused.Names() {
		list = append(list, neededScope{usage.Part{Name: word}, true, lastUses[word]})
	}
	return list
}

// maxRefusals is how many refusals are shown.
const maxRefusals = 10

// refusals are the latest, one for each route and reason.
func (p UsagePage) refusals() []models.APIKeyRouteUse {
	var latest []models.APIKeyRouteUse
	for _, use := range p.Report.Uses {
		if use.Rejection != usage.Accepted && len(latest) < maxRefusals {
			latest = append(latest, use)
		}
	}
	return latest
}

// reason says why requests were refused.
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
	}
	return string(use.Rejection)
}

// UsageSummary is the last days of a key in a line.
type UsageSummary struct {
	Total usage.Total
	Days  int
}

func (s UsageSummary) label() string {
	label := ui.Plural(s.Total.Requests, "request") + " in " + ui.Plural(int64(s.Days), "day")
	if s.Total.Rejected > 0 {
		label += ", " + ui.Count(s.Total.Rejected) + " rejected"
	}
	return label
}

// summaryOf is that of a key in the list.
func (p ListPage) summaryOf(id string) UsageSummary { return UsageSummary{p.Usage[id], UsageDays} }

// lastRequest is when the key was last sent, whatever came of it.
func (p UsagePage) lastRequest() time.Time {
	if len(p.Report.Uses) == 0 {
		return p.Now
	}
	return p.Report.Uses[0].LastAt
}

func (p UsagePage) sumOfCallers() (accepted, refused int64) {
	for i := range p.Callers {
		accepted += p.Callers[i].Accepted
		refused += p.Callers[i].Rejected
	}
	return accepted, refused
}
