package ui

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/skipup/keys/models"
)

// Parameters that every list understands.
const (
	searchParameter = "q"
	sortParameter   = "sort"
	orderParameter  = "order"
	pageParameter   = "page"
	sizeParameter   = "size"
)

// pageSizes are the sizes of a page that a person can choose.
var pageSizes = []int{25, 50, 100}

// ListQuery is the query of a list: its search, filters, order and page. It is immutable; its
// methods return changed copies, from which URL builds the URL of a link.
type ListQuery struct {
	Path   string
	values url.Values
}

// NewListQuery returns the query of the list at path without any filter.
func NewListQuery(path string) ListQuery { return ListQuery{Path: path} }

// ParseListQuery reads the query of the list at path. It keeps the parameters named by filters
// and those that every list understands, and drops others and surrounding blanks. It
// rejects a page that is not a number.
func ParseListQuery(path string, values url.Values, filters ...string) (ListQuery, error) {
	q := ListQuery{Path: path, values: url.Values{}}
	for _, name := range append(filters, searchParameter, sortParameter, orderParameter, sizeParameter) {
		if value := strings.TrimSpace(values.Get(name)); value != "" {
			q.values.Set(name, value)
		}
	}
	if size := q.PageSize(); q.Get(sizeParameter) != strconv.Itoa(size) || size == defaultPageSize {
		q.values.Del(sizeParameter)
	}
	if page := values.Get(pageParameter); page != "" {
		n, err := strconv.Atoi(page)
		if err != nil {
			return q, models.Errorf(models.Invalid, "The page must be a number.")
		}
		return q.OnPage(n), nil
	}
	return q, nil
}

// Get returns the value of a filter, or "".
func (q ListQuery) Get(name string) string { return q.values.Get(name) }

// Search returns the text that the list is searched for.
func (q ListQuery) Search() string { return q.Get(searchParameter) }

// Page returns the number of the page, from 1.
func (q ListQuery) Page() int {
	n, _ := strconv.Atoi(q.Get(pageParameter)) // absent on the first page
	return max(n, 1)
}

// defaultPageSize is the number of entries on a page unless a person chooses another.
const defaultPageSize = 50

// PageSize returns the number of entries on a page.
func (q ListQuery) PageSize() int {
	if n, err := strconv.Atoi(q.Get(sizeParameter)); err == nil && slices.Contains(pageSizes, n) {
		return n
	}
	return defaultPageSize
}

// ofSize returns the first page of q with another number of entries on a page.
func (q ListQuery) ofSize(size int) ListQuery {
	if size == defaultPageSize {
		return q.With(sizeParameter, "")
	}
	return q.With(sizeParameter, strconv.Itoa(size))
}

// With returns the first page of q with each name set to the value that follows it. An empty
// value removes the name.
func (q ListQuery) With(namesAndValues ...string) ListQuery {
	values := url.Values{}
	for name := range q.values {
		values.Set(name, q.Get(name))
	}
	values.Del(pageParameter)
	for pair := range slices.Chunk(namesAndValues, 2) {
		values.Set(pair[0], pair[1])
		if pair[1] == "" {
			values.Del(pair[0])
		}
	}
	return ListQuery{q.Path, values}
}

// OnPage returns q on another page.
func (q ListQuery) OnPage(page int) ListQuery {
	next := q.With()
	if page > 1 {
		next.values.Set(pageParameter, strconv.Itoa(page))
	}
	return next
}

// At returns q for the list at another path.
func (q ListQuery) At(path string) ListQuery { return ListQuery{path, q.values} }

// URL returns the URL of the list with this query.
func (q ListQuery) URL() string {
	if len(q.values) == 0 {
		return q.Path
	}
	return q.Path + "?" + q.values.Encode()
}

// names returns the parameters of q, except for the page.
func (q ListQuery) names() []string { return slices.Sorted(maps.Keys(q.With().values)) }

// IsFiltered reports whether q has a search or a filter.
func (q ListQuery) IsFiltered() bool {
	for name := range q.values {
		if name != sortParameter && name != orderParameter && name != pageParameter && name != sizeParameter {
			return true
		}
	}
	return false
}

// Column is a column that a list can be sorted by.
type Column struct {
	Sort, Label           string
	Ascending, Descending string // names of the two orders
	DescendingFirst       bool   // the first click sorts in descending order
}

func (c Column) firstOrder() string {
	if c.DescendingFirst {
		return "desc"
	}
	return "asc"
}

// Columns are the columns that a list can be sorted by. The list is sorted by the first of them
// unless its query says otherwise.
type Columns []Column

// Sorting returns the column that q sorts by, and whether it does in ascending order.
func (all Columns) Sorting(q ListQuery) (by Column, ascending bool) {
	for _, c := range all {
		if c.Sort == q.Get(sortParameter) {
			return c, q.Get(orderParameter) == "asc"
		}
	}
	return all[0], orderOr(q, all[0].firstOrder()) == "asc"
}

func orderOr(q ListQuery, otherwise string) string {
	if order := q.Get(orderParameter); order == "asc" || order == "desc" {
		return order
	}
	return otherwise
}

// Label returns the name of the order that q sorts in.
func (all Columns) Label(q ListQuery) string {
	by, ascending := all.Sorting(q)
	if ascending {
		return by.Ascending
	}
	return by.Descending
}

// toggle returns q sorted by c, or in the other order if it is sorted by c already.
func (all Columns) toggle(q ListQuery, c Column) ListQuery {
	by, ascending := all.Sorting(q)
	order := c.firstOrder()
	if by.Sort == c.Sort && ascending {
		order = "desc"
	} else if by.Sort == c.Sort {
		order = "asc"
	}
	return all.sorted(q, c, order)
}

// sorted omits the default order from the URL.
func (all Columns) sorted(q ListQuery, c Column, order string) ListQuery {
	if c.Sort == all[0].Sort && order == all[0].firstOrder() {
		return q.With(sortParameter, "", orderParameter, "")
	}
	return q.With(sortParameter, c.Sort, orderParameter, order)
}

// ariaSort returns the value of aria-sort for the head of c, or "" if q sorts by another column.
func (all Columns) ariaSort(q ListQuery, c Column) string {
	by, ascending := all.Sorting(q)
	switch {
	case by.Sort != c.Sort:
		return ""
	case ascending:
		return "ascending"
	}
	return "descending"
}

type sortChoice struct {
	Label string
	Query ListQuery
}

func (all Columns) choices(q ListQuery) []sortChoice {
	var choices []sortChoice
	for _, c := range all {
		pair := []sortChoice{{c.Ascending, all.sorted(q, c, "asc")}, {c.Descending, all.sorted(q, c, "desc")}}
		if c.DescendingFirst {
			slices.Reverse(pair)
		}
		choices = append(choices, pair...)
	}
	return choices
}
