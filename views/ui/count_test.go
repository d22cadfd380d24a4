package ui

import "testing"

func TestCompact(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 7: "7", 999: "999", 1000: "1K", 1049: "1K", 1050: "1.1K", 12_345: "12.3K", 99_949: "99.9K", 99_950: "100K",
		999_499: "999K", 999_500: "1M", 12_345_678: "12.3M", 987_654_321: "988M", 4_000_000_000: "4B", -1500: "-1.5K",
	} {
		if got := Compact(n); got != want {
			t.Errorf("Compact(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestPageSize(t *testing.T) {
	for query, want := range map[string]struct {
		size int
		url  string
	}{
		"":               {50, "/list"},
		"size=100&q=ci":  {100, "/list?q=ci&size=100"},
		"size=50":        {50, "/list"},
		"size=1000":      {50, "/list"},
		"size=x":         {50, "/list"},
		"size=25&page=3": {25, "/list?page=3&size=25"},
	} {
		q := parsed(t, query)
		if got := q.PageSize(); got != want.size {
			t.Errorf("page size of %q = %d, want %d", query, got, want.size)
		}
		if got := q.URL(); got != want.url {
			t.Errorf("URL of %q = %s, want %s", query, got, want.url)
		}
	}
	if got, want := parsed(t, "size=25&page=3&q=ci").ofSize(100).URL(), "/list?q=ci&size=100"; got != want {
		t.Errorf("URL with another size = %s, want %s", got, want)
	}
}
