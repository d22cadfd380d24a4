package models_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// While keys are created and deleted, no remaining key is skipped or repeated, and no new key is
// returned.
func TestPagingIsStable(t *testing.T) {
	for name, step := range map[string]time.Duration{"created in one millisecond": 0, "created one by one": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			eachDatabase(t, func(t *testing.T, s fixture) {
				var ids []string
				for i := range 60 {
					ids = append(ids, s.key(t, fmt.Sprint("Key ", i)).ID)
					s.Clock.Advance(step)
				}
				slices.Reverse(ids)
				pageDuringChanges(t, s, ids)
			})
		})
	}
}

// pageDuringChanges reads all pages of a list with the keys ids. Between two pages, it creates a key
// and deletes one before the cursor, one after it and sometimes the one at the cursor.
func pageDuringChanges(t *testing.T, s fixture, ids []string) {
	t.Helper()
	var got []string
	want, page := slices.Clone(ids), models.Page{Limit: 7}
	for {
		result, err := s.APIKeysInState(s.ctx, s.id, models.StateActive, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range result.Items {
			got = append(got, key.ID)
		}
		if result.NextCursor == "" {
			break
		}
		s.key(t, "New")
		deleted := []string{got[len(got)-3]}
		if len(got)%2 == 0 {
			deleted = append(deleted, got[len(got)-1])
		}
		if len(want) > len(got)+3 {
			deleted = append(deleted, want[len(got)+3])
			want = slices.Delete(want, len(got)+3, len(got)+4)
		}
		for _, id := range deleted {
			if _, err := s.DeleteAPIKey(s.ctx, s.id, id, models.NoConfirmation); err != nil {
				t.Fatal(err)
			}
		}
		page.Cursor = result.NextCursor
	}
	if !slices.Equal(got, want) || len(want) == len(ids) {
		t.Errorf("pages have %d keys, want %d of %d:\n%q\n%q", len(got), len(want), len(ids), got, want)
	}
}

func TestPageLimits(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for range 101 {
			s.key(t, "CI")
		}
		for limit, want := range map[int]int{0: models.DefaultPageLimit, 1: 1, 2: 2, 99: 99, 100: 100} {
			page, err := s.APIKeysInState(s.ctx, s.id, models.StateActive, models.Page{Limit: limit})
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, "items", len(page.Items), want)
			modelstest.Equal(t, "limit", page.Limit, want)
			if page.NextCursor == "" {
				t.Error("next cursor is empty")
			}
		}
		for _, limit := range []int{-1, 101, -1 << 63, 1<<63 - 1} {
			_, err := s.APIKeysInState(s.ctx, s.id, models.StateActive, models.Page{Limit: limit})
			wantFields(t, err, "limit")
		}
		_, err := s.APIKeysInState(s.ctx, s.id, models.StateActive, models.Page{Limit: 1000, Cursor: "invented"})
		wantFields(t, err, "limit", "cursor")
	})
}

// There is no cursor to an empty page.
func TestLastPageHasNoCursor(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		wantNames(t, s, s.Store.Store)
		for range 4 {
			s.key(t, "CI")
		}
		first, err := s.APIKeysInState(s.ctx, s.id, models.StateActive, models.Page{Limit: 2})
		if err != nil || first.NextCursor == "" {
			t.Fatalf("first page = %+v, error = %v", first, err)
		}
		last, err := s.APIKeysInState(s.ctx, s.id, models.StateActive, models.Page{Limit: 2, Cursor: first.NextCursor})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "items", len(last.Items), 2)
		modelstest.Equal(t, "next cursor", last.NextCursor, "")
	})
}

func TestInvalidCursorsAreRejected(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		other := newFixture(t, s.Store, "Other", "eve@other.test")
		cursorOf := func(s fixture) string {
			t.Helper()
			s.key(t, "one")
			s.key(t, "two")
			page, err := s.APIKeysInState(s.ctx, s.id, models.StateActive, models.Page{Limit: 1})
			if err != nil || page.NextCursor == "" {
				t.Fatalf("page = %+v, error = %v", page, err)
			}
			return page.NextCursor
		}
		own, hers := cursorOf(s), cursorOf(other)
		for name, cursor := range map[string]string{
			"of another workspace": hers,
			"invented":             "invented",
			"id":                   s.admin.ID,
			"id in base64":         base64.RawURLEncoding.EncodeToString([]byte("key_01ARZ3NDEKTSV4RRFFQ69G5FAV")),
			"truncated":            own[:len(own)-4],
			"longer":               own + "AAAA",
			"repeated":             own + own,
			"lower case":           strings.ToLower(own),
			"with padding":         own + "=",
			"with a line break":    own[:8] + "\n" + own[8:],
			"line break at end":    own + "\r\n",
			"with a space":         own + " ",
			"NUL":                  "\x00",
			"invalid UTF-8":        "\xff\xfe",
			"one character":        "A",
			"checksum only":        own[:12],
			"large":                strings.Repeat("A", 1<<20),
		} {
			_, err := s.APIKeysInState(s.ctx, s.id, models.StateActive, models.Page{Cursor: cursor})
			if wantFields(t, err, "cursor"); t.Failed() {
				t.Fatalf("cursor: %s", name)
			}
		}
		page, err := s.APIKeysInState(s.ctx, s.id, models.StateActive, models.Page{Cursor: own})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) != 1 {
			t.Fatalf("items = %+v, want 1", page.Items)
		}
		modelstest.Equal(t, "items[0] name", page.Items[0].Name, "one")
	})
}
