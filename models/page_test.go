package models_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
)

// Keys that come and go while a client pages: none that stays is skipped, none is repeated,
// and none that is new is shown.
func TestPagingIsStable(t *testing.T) {
	for name, step := range map[string]time.Duration{"made in one millisecond": 0, "made one by one": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			eachHome(t, func(t *testing.T, s home) {
				var ids []string
				for i := range 60 {
					ids = append(ids, s.key(t, fmt.Sprint("Key ", i)).ID)
					s.Clock.Advance(step)
				}
				slices.Reverse(ids)
				pageWhileKeysComeAndGo(t, s, ids)
			})
		})
	}
}

// pageWhileKeysComeAndGo reads all pages of the list, which has the keys ids, and between two
// of them makes a key and deletes one before the cursor, one after and sometimes its own.
func pageWhileKeysComeAndGo(t *testing.T, s home, ids []string) {
	t.Helper()
	var got []string
	want, page := slices.Clone(ids), models.Page{Limit: 7}
	for {
		answer, err := s.ActiveAPIKeys(s.ctx, s.id, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range answer.Items {
			got = append(got, key.ID)
		}
		if answer.NextCursor == "" {
			break
		}
		s.key(t, "New")
		gone := []string{got[len(got)-3]}
		if len(got)%2 == 0 {
			gone = append(gone, got[len(got)-1])
		}
		if len(want) > len(got)+3 {
			gone = append(gone, want[len(got)+3])
			want = slices.Delete(want, len(got)+3, len(got)+4)
		}
		for _, id := range gone {
			if _, err := s.DeleteAPIKey(s.ctx, s.id, id); err != nil {
				t.Fatal(err)
			}
		}
		page.Cursor = answer.NextCursor
	}
	if !slices.Equal(got, want) || len(want) == len(ids) {
		t.Errorf("the pages have %d keys, want %d of %d:\n%q\n%q", len(got), len(want), len(ids), got, want)
	}
}

func TestPageLimits(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		for range 101 {
			s.key(t, "CI")
		}
		for limit, want := range map[int]int{0: models.DefaultPageLimit, 1: 1, 2: 2, 99: 99, 100: 100} {
			page, err := s.ActiveAPIKeys(s.ctx, s.id, models.Page{Limit: limit})
			if err != nil || len(page.Items) != want || page.Limit != want || page.NextCursor == "" {
				t.Errorf("limit %d: %d keys, limit %d, cursor %q, %v", limit, len(page.Items), page.Limit, page.NextCursor, err)
			}
		}
		for _, limit := range []int{-1, 101, -1 << 63, 1<<63 - 1} {
			_, err := s.ActiveAPIKeys(s.ctx, s.id, models.Page{Limit: limit})
			wantFields(t, err, "limit")
		}
		_, err := s.ActiveAPIKeys(s.ctx, s.id, models.Page{Limit: 1000, Cursor: "invented"})
		wantFields(t, err, "limit", "cursor")
	})
}

// A page that holds the rest exactly is the last: nobody is sent to an empty one.
func TestLastPageHasNoCursor(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		wantNames(t, s, s.Store.Store)
		for range 4 {
			s.key(t, "CI")
		}
		first, err := s.ActiveAPIKeys(s.ctx, s.id, models.Page{Limit: 2})
		if err != nil || first.NextCursor == "" {
			t.Fatalf("%+v, %v", first, err)
		}
		last, err := s.ActiveAPIKeys(s.ctx, s.id, models.Page{Limit: 2, Cursor: first.NextCursor})
		if err != nil || len(last.Items) != 2 || last.NextCursor != "" {
			t.Errorf("the last page is %+v, %v", last, err)
		}
	})
}

func TestForeignCursorsAreRefused(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		other := homeIn(t, s.Store, "Other", "eve@other.test")
		cursorOf := func(s home) string {
			t.Helper()
			s.key(t, "one")
			s.key(t, "two")
			page, err := s.ActiveAPIKeys(s.ctx, s.id, models.Page{Limit: 1})
			if err != nil || page.NextCursor == "" {
				t.Fatalf("%+v, %v", page, err)
			}
			return page.NextCursor
		}
		own, hers := cursorOf(s), cursorOf(other)
		for name, cursor := range map[string]string{
			"of another workspace": hers,
			"invented":             "invented",
			"an id":                s.admin.ID,
			"an id in base64":      base64.RawURLEncoding.EncodeToString([]byte("key_01ARZ3NDEKTSV4RRFFQ69G5FAV")),
			"truncated":            own[:len(own)-4],
			"longer":               own + "AAAA",
			"twice":                own + own,
			"in other case":        strings.ToLower(own),
			"with padding":         own + "=",
			"with a line break":    own[:8] + "\n" + own[8:],
			"line break at end":    own + "\r\n",
			"with a space":         own + " ",
			"NUL":                  "\x00",
			"invalid UTF-8":        "\xff\xfe",
			"one character":        "A",
			"check alone":          own[:12],
			"large":                strings.Repeat("A", 1<<20),
		} {
			_, err := s.ActiveAPIKeys(s.ctx, s.id, models.Page{Cursor: cursor})
			if wantFields(t, err, "cursor"); t.Failed() {
				t.Fatalf("a cursor %s", name)
			}
		}
		page, err := s.ActiveAPIKeys(s.ctx, s.id, models.Page{Cursor: own})
		if err != nil || len(page.Items) != 1 || page.Items[0].Name != "one" {
			t.Errorf("the own cursor leads to %+v, %v", page, err)
		}
	})
}
