package apikeys

import (
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/ui"
)

// tab is one of the states that the list can be narrowed to.
type tab struct {
	State models.KeyStatus // empty for all but the deleted
	Label string
	Keys  int64
}

func (p ListPage) tabs() []tab {
	counts := p.List.Counts
	current := counts[models.KeyActive] + counts[models.KeyExpiresSoon] + counts[models.KeyPaused] + counts[models.KeyExpired]
	tabs := []tab{{"", "Current", current}}
	for _, state := range []models.KeyStatus{models.KeyActive, models.KeyExpiresSoon, models.KeyPaused, models.KeyExpired, models.KeyDeleted} {
		tabs = append(tabs, tab{state, ui.StateLabel(state), counts[state]})
	}
	return tabs
}

// column is a column that the list can be sorted by.
type column struct {
	Sort       models.APIKeySort
	Label      string // of the column's head
	Ascending  string // what the order is called
	Descending string
	first      string // the order to begin with
}

var (
	byName     = column{models.SortName, "Name", "Name, A to Z", "Name, Z to A", "asc"}
	byCreated  = column{models.SortCreated, "Created", "Oldest first", "Newest first", "desc"}
	byLastUsed = column{models.SortLastUsed, "Last used", "Least recently used", "Recently used", "desc"}
	byExpiry   = column{models.SortExpires, "Expires", "Expires first", "Expires last", "asc"}
)

// sorted is the column that q sorts by and the direction, with the defaults filled in.
func (q Query) sorted() (column, string) {
	order := "desc"
	if q.Order == "asc" {
		order = "asc"
	}
	for _, c := range []column{byName, byLastUsed, byExpiry} {
		if q.Sort == string(c.Sort) {
			return c, order
		}
	}
	return byCreated, order
}

// sortBy is q sorted by a column: the other way round if it is sorted by it already.
func (q Query) sortBy(c column) Query {
	now, order := q.sorted()
	next := c.first
	if now.Sort == c.Sort {
		next = map[string]string{"asc": "desc", "desc": "asc"}[order]
	}
	return q.sortTo(c, next)
}

func (q Query) sortTo(c column, order string) Query {
	q.Sort, q.Order, q.Page = string(c.Sort), order, 0
	if c.Sort == byCreated.Sort && order == byCreated.first {
		q.Sort, q.Order = "", ""
	}
	return q
}

// ariaSort is the value of aria-sort on the head of a column; empty if q does not sort by it.
func (q Query) ariaSort(c column) string {
	now, order := q.sorted()
	if now.Sort != c.Sort {
		return ""
	}
	return map[string]string{"asc": "ascending", "desc": "descending"}[order]
}

// sortLabel says in words how q sorts.
func (q Query) sortLabel() string {
	c, order := q.sorted()
	if order == "asc" {
		return c.Ascending
	}
	return c.Descending
}

type sortChoice struct {
	Label string
	Query Query
}

// sortChoices are the ways to sort, for where the heads of the columns have no room.
func (q Query) sortChoices() []sortChoice {
	var choices []sortChoice
	for _, c := range []column{byCreated, byName, byLastUsed, byExpiry} {
		first, second := sortChoice{c.Descending, q.sortTo(c, "desc")}, sortChoice{c.Ascending, q.sortTo(c, "asc")}
		if c.first == "asc" {
			first, second = second, first
		}
		choices = append(choices, first, second)
	}
	return choices
}

func (q Query) inState(state models.KeyStatus) Query {
	q.State, q.Review, q.Page = string(state), "", 0
	return q
}

func (q Query) onPage(page int) string {
	q.Page = page
	return q.Address()
}

// pages is where the list is on its pages.
func (p ListPage) pages() ui.Pages {
	page := min(max(1, p.Query.Page), p.Pages())
	from := int64((page-1)*PageSize) + 1
	return ui.Pages{
		Page:    page,
		Last:    p.Pages(),
		From:    from,
		To:      from + int64(len(p.List.Keys)) - 1,
		Total:   p.List.Matching,
		Address: p.Query.onPage,
	}
}

// summary says how many keys are shown, for assistive technology after each change.
func (p ListPage) summary() string {
	if p.List.Matching == 0 {
		return "No keys match"
	}
	return ui.Plural(p.List.Matching, "key") + ", " + p.Query.sortLabel()
}

// grant is what a set of scopes gives on one resource.
type grant struct {
	Group       scope.Group
	Read, Write bool
}

// words says it without abbreviations.
func (g grant) words() string {
	switch {
	case g.Read && g.Write:
		return "read and write"
	case g.Write:
		return "write"
	}
	return "read"
}

func grantsOf(set scope.Set) []grant {
	var grants []grant
	for _, group := range scope.Groups {
		g := grant{group, set.Has(group.Read), set.Has(group.Write)}
		if g.Read || g.Write {
			grants = append(grants, g)
		}
	}
	return grants
}
