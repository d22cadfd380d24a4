// Package seats draws the pages of Settings > Seats.
package seats

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// PageSize is how many seats the list shows at once, and Candidates how many people the form
// offers one to.
const (
	PageSize   = 50
	Candidates = 20
)

// Query is what the address of the list asks for.
type Query struct {
	Search string `query:"q"`
	Page   int    `query:"page"`
}

// Address is the list as q asks for it.
func (q Query) Address() string {
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
	return q.Address()
}

// ListPage is what the list shows.
type ListPage struct {
	Query Query
	List  models.SeatList
}

// Pages is the number of pages, at least one.
func (p ListPage) Pages() int {
	return max(1, int((p.List.Matching+PageSize-1)/PageSize))
}

// pages is where the list is on its pages.
func (p ListPage) pages() ui.Pages {
	page := min(max(1, p.Query.Page), p.Pages())
	from := int64((page-1)*PageSize) + 1
	return ui.Pages{
		Page: page, Last: p.Pages(), From: from, To: from + int64(len(p.List.Seats)) - 1, Total: p.List.Matching, Address: p.Query.onPage,
	}
}

// summary says how many seats are shown, for assistive technology after each change.
func (p ListPage) summary() string {
	if p.List.Matching == 0 {
		return "No seats match"
	}
	return ui.Plural(p.List.Matching, "seat")
}

// AssignPage chooses who gets a seat.
type AssignPage struct {
	Search     string
	Members    []models.Member // who may get one
	Matching   int64           // of them, without a bound
	MemberID   string          // chosen
	Usage      models.SeatUsage
	Error      string // a refusal, a sentence
	Complaints models.Fields
}

// CapacityForm asks how many seats there are.
type CapacityForm struct {
	Capacity string `form:"capacity"`
	Usage    models.SeatUsage
	Errors   models.Fields
	Error    string // a refusal, a sentence
}

// taken says the use in words.
func taken(u models.SeatUsage) string {
	return fmt.Sprintf("%s of %s taken", ui.Count(int64(u.Used)), ui.Plural(int64(u.Capacity), "seat"))
}

// The picture of the use is so wide, in units of its own. Up to segments seats each has a
// rectangle.
const (
	barWidth = 1000
	segments = 50
	barGap   = 3
)

// part is a rectangle of the picture.
type part struct {
	X, Width string
	Taken    bool
}

// barOf is the picture of the use: a rectangle for each seat, or one for all that are taken where
// there are too many to tell apart.
func barOf(u models.SeatUsage) []part {
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
