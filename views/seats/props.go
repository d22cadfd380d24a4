// Package seats renders the pages of Settings > Seats.
package seats

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// PageSize is the number of seats on a page, and Candidates the number of members that the form for
// assigning a seat lists.
const (
	PageSize   = 50
	Candidates = 20
)

// Query holds the search and the page of the list.
type Query struct {
	Search string `query:"q"`
	Page   int    `query:"page"`
}

// URL returns the URL of the list with q applied.
func (q Query) URL() string {
	values := url.Values{}
	if q.Search != "" {
		values.Set("q", q.Search)
	}
	if q.Page > 1 {
		values.Set("page", strconv.Itoa(q.Page))
	}
	if len(values) == 0 {
		return path.Seats
	}
	return path.Seats + "?" + values.Encode()
}

func (q Query) onPage(page int) string {
	q.Page = page
	return q.URL()
}

// ListPage is the data of the list.
type ListPage struct {
	Query Query
	List  models.SeatList
}

// Pages returns the number of pages, at least 1.
func (p ListPage) Pages() int {
	return max(1, int((p.List.Matching+PageSize-1)/PageSize))
}

func (p ListPage) pages() ui.Pages {
	page := min(max(1, p.Query.Page), p.Pages())
	from := int64((page-1)*PageSize) + 1
	return ui.Pages{
		Page: page, Last: p.Pages(), From: from, To: from + int64(len(p.List.Seats)) - 1, Total: p.List.Matching, Address: p.Query.onPage,
	}
}

// summary returns what screen readers announce when the list changes.
func (p ListPage) summary() string {
	if p.List.Matching == 0 {
		return "No seats match"
	}
	return ui.Plural(p.List.Matching, "seat")
}

// AssignPage is the data of the form for assigning a seat.
type AssignPage struct {
	Search   string
	Members  []models.Member // the first candidates
	Matching int64           // number of all candidates
	MemberID string          // the selected one
	Usage    models.SeatUsage
	Errors   models.Fields
	Message  string // an error that concerns no single field
}

// CapacityForm holds the values and errors of the form for changing the number of seats.
type CapacityForm struct {
	Capacity string `form:"capacity"`
	Usage    models.SeatUsage
	Errors   models.Fields
	Message  string // an error that concerns no single field
}

// inUse returns the number of seats in use, such as "3 of 10 seats in use".
func inUse(u models.SeatUsage) string {
	return fmt.Sprintf("%s of %s in use", ui.Count(int64(u.Used)), ui.Plural(int64(u.Capacity), "seat"))
}

// Dimensions of the bar, in units of its view box. Up to segments seats, each seat has a rectangle.
const (
	barWidth = 1000
	segments = 50
	barGap   = 3
)

// part is a rectangle of the bar.
type part struct {
	X, Width string
	Used     bool
}

// barParts returns a rectangle for each seat, or a single one for the seats in use if there are many.
func barParts(u models.SeatUsage) []part {
	if u.Capacity > segments {
		return []part{{"0", units(barWidth * float64(u.Used) / float64(u.Capacity)), true}}
	}
	var parts []part
	width := barWidth / float64(max(u.Capacity, 1))
	for i := range u.Capacity {
		parts = append(parts, part{units(float64(i) * width), units(width - barGap), i < u.Used})
	}
	return parts
}

func units(n float64) string { return strconv.FormatFloat(n, 'f', 2, 64) }
