package token_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models/token"
)

func TestRedactAndOccurs(t *testing.T) {
	live, test := token.New(token.Live), token.NewWithPrefix("acme", token.Test)
	lookalike := "sk_live_" + strings.Repeat("A", 36)
	tests := []struct {
		name, text, redacted string
		occurs               bool
	}{
		{"no key", "curl/8.5.0", "curl/8.5.0", false},
		{"look-alike with a wrong checksum", lookalike, lookalike, false},
		{"key alone", live.Reveal(), live.Hint(), true},
		{"keys in a text", "a=" + live.Reveal() + ";b=" + test.Reveal() + "!", "a=" + live.Hint() + ";b=" + test.Hint() + "!", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := token.Redact(tt.text); got != tt.redacted {
				t.Errorf("Redact = %q, want %q", got, tt.redacted)
			}
			if got := token.Occurs(tt.text); got != tt.occurs {
				t.Errorf("Occurs = %t, want %t", got, tt.occurs)
			}
		})
	}
}

// A look-alike may overlap a key.
func TestRedactFindsKeysAfterLookalikes(t *testing.T) {
	for _, prefix := range prefixes {
		key := token.NewWithPrefix(prefix, token.Live)
		for _, lookalike := range []string{
			"sk_live_" + strings.Repeat("A", 34), "sk_test_", "sk_", "sk_live_" + strings.Repeat("A", 36), "key", "x", "9", "prefix_of_",
			strings.Repeat("a", 50), "_live_", withoutLastByte(prefix[0]),
		} {
			text := lookalike + key.Reveal() + "AAAA"
			if got, want := token.Redact(text), lookalike+key.Hint()+"AAAA"; got != want {
				t.Errorf("Redact of a key after %q = %q, want %q", lookalike, got, want)
			}
			if !token.Occurs(text) {
				t.Errorf("Occurs of a key after %q = false, want true", lookalike)
			}
		}
	}
}

// withoutLastByte returns a key without its last byte, which isn't next: next doesn't complete the key.
func withoutLastByte(next byte) string {
	for {
		key := token.New(token.Live).Reveal()
		if last := len(key) - 1; key[last] != next {
			return key[:last]
		}
	}
}

// findings returns what Search finds in r.
func findings(t *testing.T, r io.Reader) []token.Finding {
	t.Helper()
	var found []token.Finding
	if err := token.Search(r, func(f token.Finding) error { found = append(found, f); return nil }); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestSearchReportsPositions(t *testing.T) {
	live, test := token.New(token.Live), token.NewWithPrefix("acme", token.Test)
	text := "a=1\nKEY=" + live.Reveal() + "\r\n\n  " + test.Reveal() + live.Reveal() + "\x00\xff" + test.Reveal()
	want := []token.Finding{
		{Digest: live.Digest(), Hint: live.Hint(), Line: 2, Column: 5},
		{Digest: test.Digest(), Hint: test.Hint(), Line: 4, Column: 3},
		{Digest: live.Digest(), Hint: live.Hint(), Line: 4, Column: 49},
		{Digest: test.Digest(), Hint: test.Hint(), Line: 4, Column: 95},
	}
	if diff := cmp.Diff(want, findings(t, strings.NewReader(text))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// The text is read in parts, whose boundaries may fall within a key.
func TestSearchFindsKeysAcrossBuffers(t *testing.T) {
	key := token.NewWithPrefix("a2345678901234567890", token.Live)
	for _, end := range []int{256 << 10, 512<<10 - 61} {
		for before := end - 64; before <= end+2; before++ {
			text := strings.Repeat("x\n", before/2) + strings.Repeat("y", before%2) + key.Reveal() + strings.Repeat("z", 100)
			want := []token.Finding{{Digest: key.Digest(), Hint: key.Hint(), Line: int64(before/2) + 1, Column: int64(before%2) + 1}}
			if diff := cmp.Diff(want, findings(t, strings.NewReader(text))); diff != "" {
				t.Fatalf("after %d bytes (-want +got):\n%s", before, diff)
			}
		}
	}
}

// Without the byte order mark, UTF-16 is text with zero bytes, in which no key is found.
func TestSearchReadsUTF16(t *testing.T) {
	key := token.New(token.Live)
	text := strings.Repeat("Grüße 🎉\r\n", 40_000) + "KEY=" + key.Reveal() + "\r\n"
	want := []token.Finding{{Digest: key.Digest(), Hint: key.Hint(), Line: 40_001, Column: 5}}
	units := utf16.Encode([]rune(text))
	for name, order := range map[string]binary.AppendByteOrder{"little-endian": binary.LittleEndian, "big-endian": binary.BigEndian} {
		encoded := order.AppendUint16(nil, 0xfeff)
		for _, unit := range units {
			encoded = order.AppendUint16(encoded, unit)
		}
		for size, r := range map[string]io.Reader{
			"whole": bytes.NewReader(encoded), "odd pieces": &pieces{string(encoded), 3}, "bytes": iotest.OneByteReader(bytes.NewReader(encoded)),
			"cut in a unit": bytes.NewReader(append(bytes.Clone(encoded), 'x')),
		} {
			if diff := cmp.Diff(want, findings(t, r)); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", name, size, diff)
			}
		}
		if found := findings(t, bytes.NewReader(encoded[2:])); len(found) != 0 {
			t.Errorf("%s without a byte order mark: findings = %+v, want none", name, found)
		}
	}
	for _, short := range []string{"", "\xff", "\xff\xfe", "\xfe\xff\x00"} {
		if found := findings(t, strings.NewReader(short)); len(found) != 0 {
			t.Errorf("findings in %q = %+v, want none", short, found)
		}
	}
}

func TestSearchReturnsErrors(t *testing.T) {
	broken, key := errors.New("broken"), token.New(token.Live).Reveal()
	if err := token.Search(iotest.ErrReader(broken), func(token.Finding) error { return nil }); !errors.Is(err, broken) {
		t.Errorf("Search with a failing reader = %v, want %v", err, broken)
	}
	calls := 0
	err := token.Search(strings.NewReader(key+key), func(token.Finding) error { calls++; return broken })
	if !errors.Is(err, broken) {
		t.Errorf("Search with a failing callback = %v, want %v", err, broken)
	}
	if calls != 1 {
		t.Errorf("calls = %d, want 1", calls)
	}
}

// FuzzSearch compares Search, reading in small pieces, with a search byte by byte.
func FuzzSearch(f *testing.F) {
	key := "sk_live_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"
	long := withChecksum("a2345678901234567890_test_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ")
	for _, text := range []string{
		"", key, key + key, "sk_live_" + key, "\n" + key[:20] + "\n" + key, key[:43] + "\n", "sk_sk_live_sk_test_" + key + "\n\n" + key,
		long, long[1:] + long, long[:61] + long, "a" + long + key,
	} {
		f.Add([]byte(text), uint16(65_500), uint8(3))
	}
	f.Fuzz(func(t *testing.T, text []byte, before uint16, size uint8) {
		whole := string(bytes.Repeat([]byte("."), int(before)+196_608)) + string(text) + key
		var want []token.Finding
		for at := int(before) + 196_608; at < len(whole); at++ {
			for end := min(len(whole), at+62); end >= at+44; end-- {
				digest, err := token.Parse(whole[at:end])
				if err != nil {
					continue
				}
				before := whole[:at]
				want = append(want, token.Finding{
					Digest: digest, Hint: whole[at:end-32] + "....",
					Line: int64(strings.Count(before, "\n")) + 1, Column: int64(at - strings.LastIndexByte(before, '\n')),
				})
				at = end - 1
				break
			}
		}
		if diff := cmp.Diff(want, findings(t, &pieces{whole, int(size) + 1})); diff != "" {
			t.Errorf("findings (-want +got):\n%s", diff)
		}
		if redacted := token.Redact(string(text)); token.Occurs(redacted) && !strings.Contains(redacted, "....") {
			t.Errorf("Redact left a key in %q", redacted)
		}
	})
}

// pieces reads a text in pieces, the last together with io.EOF.
type pieces struct {
	text string
	size int
}

func (p *pieces) Read(into []byte) (int, error) {
	n := copy(into, p.text[:min(len(p.text), p.size*1000)])
	p.text = p.text[n:]
	if p.text == "" {
		return n, io.EOF
	}
	return n, nil
}

func BenchmarkSearch(b *testing.B) {
	texts := map[string]string{
		"code":        strings.Repeat("if err := task.run(ctx); err != nil {\n\treturn fmt.Errorf(\"risk_level %d: %w\", n, err)\n}\n", 40_000),
		"look-alikes": strings.Repeat("sk_live_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18\n", 80_000),
		"beginnings":  strings.Repeat("sk_live_", 450_000),
		"prefixes":    strings.Repeat("a2345678901234567890_live_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18", 60_000),
		"underscores": strings.Repeat("_", 4<<20),
		"zero bytes":  strings.Repeat("\x00", 4<<20),
	}
	for name, text := range texts {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if err := token.Search(strings.NewReader(text), func(token.Finding) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
