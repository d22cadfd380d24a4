package usage

import (
	"cmp"
	"slices"
	"time"

	"github.com/skipup/keys/models/scope"
)

// Sum is a number of requests.
type Sum struct {
	Requests int64    // all
	Rejected int64    // of these
	Outside  int64    // accepted, although an allowlist that only reports doesn't have the address
	Classes  [6]int64 // all, by the first digit of the status
}

func (s *Sum) add(count Count) {
	s.Requests += count.Requests
	s.Outside += count.Outside
	if count.Rejection != Accepted {
		s.Rejected += count.Requests
	}
	if count.StatusClass >= 0 && count.StatusClass < len(s.Classes) {
		s.Classes[count.StatusClass] += count.Requests
	}
}

// Part counts the requests with the same route, scope, or rejection.
type Part struct {
	Name  string // of the route, the scope, or the Rejection; empty for none
	Scope string // required by the route, if Name is one
	Sum
}

// Report is the usage of a key in a window. Each of its lists adds up to the total, except that Scopes
// counts a request once for each scope that it required.
type Report struct {
	Window     Window
	Total      Sum
	Periods    []Sum  // one for each period of the window
	Routes     []Part // most requests first, and below
	Scopes     []Part
	Rejections []Part // Accepted is one of them
}

// Total is the number of requests with a key.
type Total struct {
	Requests int64   // all, including rejected ones
	Rejected int64   // of these
	Days     []int64 // all, by day of UTC, from the first day counted until today
}

// ScopeUses are the uses of the scopes of a key.
type ScopeUses struct {
	Accepted int64      // accepted requests, whether or not they required a scope
	Scopes   []ScopeUse // one for each scope that the key has, in the usual order
}

// ScopeUse is how often a scope was required.
type ScopeUse struct {
	scope.Definition
	Requests   int64      // accepted requests that required it
	LastUsedAt *time.Time // nil if it was never required; may be earlier than the requests counted
}

// Reporter builds a Report from counts.
type Reporter struct {
	report                     Report
	routes, scopes, rejections map[Part]*Part
}

// NewReporter returns a Reporter for a window.
func NewReporter(window Window) *Reporter {
	return &Reporter{
		report: Report{Window: window, Periods: make([]Sum, len(window.Starts))},
		routes: map[Part]*Part{}, scopes: map[Part]*Part{}, rejections: map[Part]*Part{},
	}
}

// Add adds a count to the period with the given index.
func (r *Reporter) Add(period int, count Count) {
	r.report.Total.add(count)
	r.report.Periods[period].add(count)
	addTo(r.routes, Part{Name: count.Route, Scope: count.Scope}, count)
	for _, name := range Scopes(count.Scope) {
		addTo(r.scopes, Part{Name: name}, count)
	}
	addTo(r.rejections, Part{Name: string(count.Rejection)}, count)
}

func addTo(parts map[Part]*Part, id Part, count Count) {
	part := parts[id]
	if part == nil {
		part = &Part{Name: id.Name, Scope: id.Scope}
		parts[id] = part
	}
	part.add(count)
}

// Report returns the report of the counts added so far.
func (r *Reporter) Report() *Report {
	report := r.report
	report.Routes, report.Scopes, report.Rejections = sorted(r.routes), sorted(r.scopes), sorted(r.rejections)
	return &report
}

// sorted returns parts by number of requests, leaving out those without any.
func sorted(parts map[Part]*Part) []Part {
	list := make([]Part, 0, len(parts))
	for _, part := range parts {
		if part.Requests != 0 {
			list = append(list, *part)
		}
	}
	slices.SortFunc(list, func(a, b Part) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Scope, b.Scope))
	})
	return list
}
