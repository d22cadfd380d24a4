package token_test

import (
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/skipup/keys/models/token"
)

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// checksum computes the checksum of the contract in another way than the package does.
func checksum(random string) string {
	digits := []byte(big.NewInt(int64(crc32.ChecksumIEEE([]byte(random)))).Text(62))
	for i, d := range digits { // math/big counts 0-9a-zA-Z
		switch {
		case 'a' <= d && d <= 'z':
			digits[i] = d - 'a' + 'A'
		case 'A' <= d && d <= 'Z':
			digits[i] = d - 'A' + 'a'
		}
	}
	return fmt.Sprintf("%06s", digits)
}

func TestChecksumMatchesTheContract(t *testing.T) {
	if got := checksum("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"); got != "0mLq17" {
		t.Fatalf("checksum = %s, want 0mLq17", got)
	}
	if _, err := token.Parse(token.Live, "sk_live_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"); err != nil {
		t.Errorf("Parse = %v, want nil", err)
	}
}

func TestNewKeyMatchesTheContract(t *testing.T) {
	for _, env := range []token.Environment{token.Live, token.Test} {
		shape := regexp.MustCompile(`^sk_` + string(env) + `_[0-9A-Za-z]{30}[0-9A-Za-z]{6}$`)
		for range 1000 {
			text := token.New(env).Reveal()
			if !shape.MatchString(text) {
				t.Fatalf("New = %q, want a match of %s", text, shape)
			}
			if len(text) != token.Len {
				t.Fatalf("New has %d characters, want %d", len(text), token.Len)
			}
			if got, want := text[38:], checksum(text[8:38]); got != want {
				t.Fatalf("checksum of %q = %s, want %s", text, got, want)
			}
		}
	}
}

// A chi-square with 61 degrees of freedom exceeds 200 once in 10^16 fair runs; taking bytes modulo 62
// gives several thousand.
func TestNewKeyIsUniform(t *testing.T) {
	const keys = 10_000
	seen, count := make(map[string]bool, keys), map[rune]float64{}
	for range keys {
		text := token.New(token.Live).Reveal()
		if seen[text] {
			t.Fatal("New returned the same key twice")
		}
		seen[text] = true
		for _, r := range text[8:38] {
			count[r]++
		}
	}
	expected, square := float64(keys*30)/62, 0.0
	for _, r := range alphabet {
		square += (count[r] - expected) * (count[r] - expected) / expected
	}
	if square > 200 {
		t.Errorf("chi-square = %.0f, want about 61", square)
	}
}

func TestParseAcceptsNewKeys(t *testing.T) {
	for _, env := range []token.Environment{token.Live, token.Test} {
		for range 1000 {
			secret := token.New(env)
			digest, err := token.Parse(env, secret.Reveal())
			if err != nil {
				t.Fatalf("Parse of a new key = %v, want nil", err)
			}
			if digest != secret.Digest() || digest != sha256.Sum256([]byte(secret.Reveal())) {
				t.Fatal("the digest is not the SHA-256 of the whole key")
			}
		}
	}
}

func TestParseRejects(t *testing.T) {
	const good = "sk_live_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"
	tests := []struct{ name, text string }{
		{"empty", ""},
		{"wrong checksum", good[:43] + "8"},
		{"another random part", strings.Replace(good, "zQWB", "zQWC", 1)},
		{"random part in lowercase", good[:8] + strings.ToLower(good[8:38]) + good[38:]},
		{"one letter in another case", strings.Replace(good, "zQWB", "ZQWB", 1)},
		{"checksum in uppercase", good[:38] + strings.ToUpper(good[38:])},
		{"scheme in uppercase", "SK_live_" + good[8:]},
		{"environment in uppercase", "sk_LIVE_" + good[8:]},
		{"truncated", good[:43]},
		{"only the prefix", good[:8]},
		{"one character longer", good + "7"},
		{"space before", " " + good},
		{"space after", good + " "},
		{"line break after", good + "\n"},
		{"space before, one character shorter", " " + good[:43]},
		{"twice", good + good},
		{"10 MB", strings.Repeat("sk_live_", 10<<20/8)},
		{"10 MB after a valid key", good + strings.Repeat("0", 10<<20)},
		{"another environment", "sk_test_" + good[8:]},
		{"no environment", "sk__" + good[8:]},
		{"another scheme", "pk_live_" + good[8:]},
		{"no underscore", "sk_live0" + good[8:]},
		{"NUL in the random part", good[:10] + "\x00" + good[11:]},
		{"NUL with a matching checksum", withChecksum("\x00" + good[9:38])},
		{"punctuation with a matching checksum", withChecksum("-" + good[9:38])},
		{"Unicode of the same length in bytes", good[:9] + "é" + good[11:]},
		{"Unicode with a matching checksum", withChecksum("é" + good[10:38])},
		{"full-width", "ｓｋ_live_" + good[8:]},
		{"invalid UTF-8", good[:9] + "\xff" + good[10:]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			digest, err := token.Parse(token.Live, tt.text)
			if err == nil || digest != (token.Digest{}) {
				t.Fatalf("Parse = %x, %v, want an error", digest, err)
			}
			if err.Error() != token.ErrMalformed.Error() {
				t.Errorf("error = %v, want one without the text", err)
			}
		})
	}
}

func withChecksum(random string) string { return "sk_live_" + random + checksum(random) }

func TestParseRejectsEveryChangeOfOneCharacter(t *testing.T) {
	good := token.New(token.Live).Reveal()
	for at := range good {
		for _, r := range alphabet + "_-. \x00" {
			changed := good[:at] + string(r) + good[at+1:]
			if _, err := token.Parse(token.Live, changed); err == nil && changed != good {
				t.Errorf("Parse(%q) = nil, want an error: the key is %q", changed, good)
			}
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	for name, text := range map[string]string{
		"good": token.New(token.Live).Reveal(), "bad": "sk_live_nope", "long": strings.Repeat("x", 1<<20),
	} {
		if got := testing.AllocsPerRun(100, func() { _, _ = token.Parse(token.Live, text) }); got != 0 {
			t.Errorf("%s: allocations = %v, want 0", name, got)
		}
	}
}

func TestParseEnvironment(t *testing.T) {
	for _, name := range []string{"live", "test"} {
		if env, err := token.ParseEnvironment(name); err != nil || string(env) != name {
			t.Errorf("ParseEnvironment(%q) = %q, %v, want %q", name, env, err, name)
		}
	}
	for _, name := range []string{"", "Live", "TEST", "prod", " live"} {
		if env, err := token.ParseEnvironment(name); err == nil {
			t.Errorf("ParseEnvironment(%q) = %q, want an error", name, env)
		}
	}
}

// FuzzParse checks that Parse accepts only what can be rebuilt from its own parts.
func FuzzParse(f *testing.F) {
	f.Add("sk_live_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17")
	f.Add("sk_live_")
	f.Add(withChecksum(strings.Repeat("é", 15)))
	f.Add(strings.Repeat("\x00", token.Len))
	random := regexp.MustCompile(`^[0-9A-Za-z]{30}$`)
	f.Fuzz(func(t *testing.T, text string) {
		digest, err := token.Parse(token.Live, text)
		if err != nil {
			return
		}
		if len(text) != token.Len || !random.MatchString(text[8:38]) || text != withChecksum(text[8:38]) {
			t.Errorf("Parse(%q) = nil, want an error", text)
		}
		if digest != sha256.Sum256([]byte(text)) {
			t.Errorf("Parse(%q) = %x, want its SHA-256", text, digest)
		}
	})
}
