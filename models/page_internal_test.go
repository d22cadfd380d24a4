package models

import (
	"strings"
	"testing"
)

func TestCursorsBelongToOneList(t *testing.T) {
	lists := []listing{
		{}, {""}, {"", ""}, {"api_keys"}, {"api_keys", "ws_1"}, {"api_keys", "ws_2"}, {"api_keysws_1"}, {"api_keys", "ws_1", ""},
		{"members", "ws_1"}, {"api_keys", "ws", "_1"}, {"8:api_keys", "ws_1"}, {"api_keys4:ws_1"},
	}
	for i, owner := range lists {
		cursor := owner.seal("key_1")
		for k, other := range lists {
			if id, ok := other.open(cursor); ok != (i == k) || ok && id != "key_1" {
				t.Errorf("%q opens the cursor of %q: id = %q, ok = %v", other, owner, id, ok)
			}
		}
	}
}

func TestCursorOfInvalidTextIsRejected(t *testing.T) {
	list := listing{"api_keys", "ws_1"}
	for _, id := range []string{"key_\x00", "key_\xff"} {
		if _, ok := list.open(list.seal(id)); ok {
			t.Errorf("cursor of %q was accepted, but PostgreSQL would reject the query", id)
		}
	}
}

// FuzzCursor checks that a sealed ID can be opened and that any changed bit is detected.
func FuzzCursor(f *testing.F) {
	f.Add("key_01ARZ3NDEKTSV4RRFFQ69G5FAV", "api_keys", "", uint(0))
	f.Add("k", "", "a", uint(1<<20))
	f.Add("", "api_keys", strings.Repeat("A", 52), uint(7))
	f.Add("key_1", "api_keys", listing{"api_keys", "ws_1"}.seal("key_1")+"\n", uint(3))
	f.Add("\x00\xff", "\n", "AAAA\nAAAA", uint(3))
	f.Fuzz(func(t *testing.T, id, name, cursor string, bit uint) {
		list := listing{name, "ws_1"}
		if opened, ok := list.open(cursor); ok && list.seal(opened) != cursor {
			t.Errorf("%q opens as %q, which has a different cursor", cursor, opened)
		}
		sealed := list.seal(id)
		if opened, ok := list.open(sealed); ok != (id != "" && id == storable(id)) || ok && opened != id {
			t.Errorf("%q opens as %q, ok = %v", id, opened, ok)
		}
		flipped := []byte(sealed)
		bit %= uint(8 * len(flipped))
		flipped[bit/8] ^= 1 << (bit % 8)
		if opened, ok := list.open(string(flipped)); ok {
			t.Errorf("cursor with bit %d flipped opens as %q", bit, opened)
		}
	})
}
