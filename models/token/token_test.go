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
	if _, err := token.Parse("sk_live_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"); err != nil {
		t.Errorf("Parse = %v, want nil", err)
	}
}

// The checksum of keys with the default prefix covers only the random characters, so that earlier keys
// stay valid.
func TestNewKeyMatchesTheContract(t *testing.T) {
	for _, mode := range modes {
		for _, prefix := range prefixes {
			before := prefix + "_" + string(mode) + "_"
			shape := regexp.MustCompile(`^` + before + `[0-9A-Za-z]{36}$`)
			for range 1000 {
				text := token.NewWithPrefix(prefix, mode).Reveal()
				if !shape.MatchString(text) {
					t.Fatalf("NewWithPrefix = %q, want a match of %s", text, shape)
				}
				if want := withChecksum(text[:len(text)-6]); text != want {
					t.Fatalf("NewWithPrefix = %q, want %q", text, want)
				}
			}
		}
	}
	if text := token.New(token.Test).Reveal(); !strings.HasPrefix(text, "sk_test_") {
		t.Errorf("New = %q, want prefix sk_test_", text)
	}
}

var (
	modes    = []token.Mode{token.Live, token.Test}
	prefixes = []string{"sk", "s2", "acme", "skk", "live", "a2345678901234567890"}
)

func TestIsPrefix(t *testing.T) {
	for _, prefix := range prefixes {
		if !token.IsPrefix(prefix) {
			t.Errorf("IsPrefix(%q) = false, want true", prefix)
		}
	}
	for _, prefix := range []string{"", "s", "2s", "a23456789012345678901", "Acme", "acmE", "ac_me", "ac-me", "ac me", "acmé", "acme\n", "_acme"} {
		if token.IsPrefix(prefix) {
			t.Errorf("IsPrefix(%q) = true, want false", prefix)
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
	for _, mode := range modes {
		for _, prefix := range prefixes {
			secret := token.NewWithPrefix(prefix, mode)
			digest, err := token.Parse(secret.Reveal())
			if err != nil {
				t.Fatalf("Parse of a new key with %s = %v, want nil", prefix, err)
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
		{"mode in uppercase", "sk_LIVE_" + good[8:]},
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
		{"another prefix", "acme_live_" + good[8:]},
		{"another mode", withChecksum("sk_prod_" + good[8:38])},
		{"no mode", withChecksum("sk__" + good[8:38])},
		{"no prefix", withChecksum("_live_" + good[8:38])},
		{"prefix of one character", withChecksum("s_live_" + good[8:38])},
		{"prefix of 21 characters", withChecksum(strings.Repeat("a", 21) + "_live_" + good[8:38])},
		{"prefix that begins with a digit", withChecksum("2s_live_" + good[8:38])},
		{"prefix in uppercase", withChecksum("Acme_live_" + good[8:38])},
		{"prefix with an underscore", withChecksum("ac_me_live_" + good[8:38])},
		{"prefix that is not ASCII", withChecksum("acmé_live_" + good[8:38])},
		{"checksum of the random characters only", "acme_live_" + good[8:38] + checksum(good[8:38])},
		{"another scheme", "pk_live_" + good[8:]},
		{"no underscore", "sk_live0" + good[8:]},
		{"NUL in the random part", good[:10] + "\x00" + good[11:]},
		{"NUL with a matching checksum", withChecksum("sk_live_" + "\x00" + good[9:38])},
		{"punctuation with a matching checksum", withChecksum("sk_live_" + "-" + good[9:38])},
		{"Unicode of the same length in bytes", good[:9] + "é" + good[11:]},
		{"Unicode with a matching checksum", withChecksum("sk_live_" + "é" + good[10:38])},
		{"full-width", "ｓｋ_live_" + good[8:]},
		{"invalid UTF-8", good[:9] + "\xff" + good[10:]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			digest, err := token.Parse(tt.text)
			if err == nil || digest != (token.Digest{}) {
				t.Fatalf("Parse = %x, %v, want an error", digest, err)
			}
			if err.Error() != token.ErrMalformed.Error() {
				t.Errorf("error = %v, want one without the text", err)
			}
		})
	}
}

// withChecksum appends the checksum to the rest of a key.
func withChecksum(key string) string {
	covered := key
	if strings.HasPrefix(key, "sk_") {
		covered = key[len(key)-30:]
	}
	return key + checksum(covered)
}

func TestParseRejectsEveryChangeOfOneCharacter(t *testing.T) {
	for _, prefix := range []string{"sk", "acme", "a2345678901234567890"} {
		good := token.NewWithPrefix(prefix, token.Live).Reveal()
		for at := range good {
			for _, r := range alphabet + "_-. \x00" {
				changed := good[:at] + string(r) + good[at+1:]
				if _, err := token.Parse(changed); err == nil && changed != good {
					t.Errorf("Parse(%q) = nil, want an error: the key is %q", changed, good)
				}
			}
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	for name, text := range map[string]string{
		"good": token.New(token.Live).Reveal(), "bad": "sk_live_nope", "long": strings.Repeat("x", 1<<20),
		"longest": token.NewWithPrefix("a2345678901234567890", token.Test).Reveal(),
	} {
		if got := testing.AllocsPerRun(100, func() { _, _ = token.Parse(text) }); got != 0 {
			t.Errorf("%s: allocations = %v, want 0", name, got)
		}
	}
}

// FuzzParse checks that Parse accepts exactly what can be rebuilt from its own parts.
func FuzzParse(f *testing.F) {
	f.Add("sk_live_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17")
	f.Add("sk_live_")
	f.Add(withChecksum("sk_live_" + strings.Repeat("é", 15)))
	f.Add(strings.Repeat("\x00", 44))
	for _, prefix := range append(prefixes, "s", "Acme", "a23456789012345678901") {
		f.Add(withChecksum(prefix + "_test_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"))
	}
	key := regexp.MustCompile(`^[a-z][a-z0-9]{1,19}_(live|test)_[0-9A-Za-z]{36}$`)
	f.Fuzz(func(t *testing.T, text string) {
		digest, err := token.Parse(text)
		valid := key.MatchString(text) && text == withChecksum(text[:len(text)-6])
		if (err == nil) != valid {
			t.Fatalf("Parse(%q) = %v, want a key: %t", text, err, valid)
		}
		if valid && digest != sha256.Sum256([]byte(text)) {
			t.Errorf("Parse(%q) = %x, want its SHA-256", text, digest)
		}
	})
}

// BenchmarkParse parses many keys in turn, because a processor learns the branches that a single one takes.
func BenchmarkParse(b *testing.B) {
	for name, prefix := range map[string]string{"default prefix": token.DefaultPrefix, "prefix of 4": "acme", "prefix of 20": "a2345678901234567890"} {
		texts := make([]string, 10_000)
		for i := range texts {
			texts[i] = token.NewWithPrefix(prefix, token.Live).Reveal()
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := token.Parse(texts[i%len(texts)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("wrong checksum", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = token.Parse("sk_live_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18")
		}
	})
}
