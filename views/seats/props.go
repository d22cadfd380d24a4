// Package seats renders the pages of Settings > Seats.
package seats

import (
	"fmt"
	"strconv"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/ui"
)

// Candidates is the number of members that the form for assigning a seat lists.
const Candidates = 20

// ListPage is the data of the list.
type ListPage struct {
	Query ui.ListQuery
	List  models.SeatList
}

// Pages returns the position of the list.
func (p ListPage) Pages() ui.Pages {
	return ui.PagesOf(p.Query, p.List.Matching, len(p.List.Seats))
}

func (p ListPage) list() ui.List {
	return ui.List{
		ID: "seats", Label: "Seats", Query: p.Query, Summary: p.summary(), Search: "Search by name or email",
		Pages: p.Pages(), Empty: empty(p),
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

// ReleasePage is the data of the confirmation page.
type ReleasePage struct {
	Seat    *models.Seat
	Message string // why the seat wasn't released, if an attempt was rejected
}

// CapacityPage is the data of the form for changing the number of seats.
type CapacityPage struct {
	Capacity string // as entered
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
