package ui

import (
	"net/url"
	"testing"
)

func parsed(t *testing.T, query string) ListQuery {
	t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	q, err := ParseListQuery("/list", values, "status", "scope")
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestListQueryBuildsAddresses(t *testing.T) {
	q := parsed(t, "q=ci&status=active&page=3&unknown=1&sort=name&order=asc")
	for _, tt := range []struct{ name, got, want string }{
		{"drops unknown parameters", q.URL(), "/list?order=asc&page=3&q=ci&sort=name&status=active"},
		{"filters from the first page", q.With("scope", "seats.read").URL(), "/list?order=asc&q=ci&scope=seats.read&sort=name&status=active"},
		{"removes a filter", q.With("status", "").URL(), "/list?order=asc&q=ci&sort=name"},
		{"turns pages", q.OnPage(2).URL(), "/list?order=asc&page=2&q=ci&sort=name&status=active"},
		{"leaves the first page out", q.OnPage(1).URL(), "/list?order=asc&q=ci&sort=name&status=active"},
		{"has no query without parameters", NewListQuery("/list").URL(), "/list"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: address = %s, want %s", tt.name, tt.got, tt.want)
		}
	}
	if got := q.Page(); got != 3 {
		t.Errorf("page = %d, want 3: a query must not change", got)
	}
}

func TestListQueryIsFiltered(t *testing.T) {
	for query, want := range map[string]bool{"": false, "sort=name&order=asc&page=2": false, "q=ci": true, "status=active": true, "unknown=1": false} {
		if got := parsed(t, query).IsFiltered(); got != want {
			t.Errorf("IsFiltered of %q = %t, want %t", query, got, want)
		}
	}
}

func TestParseListQueryRejectsAPageThatIsNoNumber(t *testing.T) {
	if _, err := ParseListQuery("/list", url.Values{"page": {"x"}}); err == nil {
		t.Error("err = nil, want an error")
	}
}

func TestColumnsSort(t *testing.T) {
	created := Column{Sort: "created", Label: "Created", Ascending: "Oldest first", Descending: "Newest first", DescendingFirst: true}
	name := Column{Sort: "name", Label: "Name", Ascending: "Name, A to Z", Descending: "Name, Z to A"}
	columns := Columns{created, name}
	for _, tt := range []struct {
		query       string
		click       Column
		label, want string
	}{
		{"", name, "Newest first", "/list?order=asc&sort=name"},
		{"", created, "Newest first", "/list?order=asc&sort=created"},
		{"sort=name&order=asc", name, "Name, A to Z", "/list?order=desc&sort=name"},
		{"sort=name&order=desc", name, "Name, Z to A", "/list?order=asc&sort=name"},
		{"sort=created&order=asc", created, "Oldest first", "/list"},
		{"sort=unknown&order=sideways", name, "Newest first", "/list?order=asc&sort=name"},
		{"q=ci&page=7", name, "Newest first", "/list?order=asc&q=ci&sort=name"},
	} {
		q := parsed(t, tt.query)
		if got := columns.Label(q); got != tt.label {
			t.Errorf("%q: label = %q, want %q", tt.query, got, tt.label)
		}
		if got := columns.toggle(q, tt.click).URL(); got != tt.want {
			t.Errorf("%q: a click on %s leads to %s, want %s", tt.query, tt.click.Label, got, tt.want)
		}
	}
}
