package token

import (
	"crypto/sha256"
	"database/sql/driver"
	"fmt"
	"log/slog"
)

// Secret is the text of a key. However it is printed, logged or encoded it gives only its
// hint; Reveal is the one way to the text. The text is behind a pointer, because fmt prints an
// unexported field of a struct by reflection, without asking its methods.
type Secret struct{ text *string }

// Reveal is the text of the key, to be shown to its owner once.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Hint is the part of the key that may be shown, such as "sk_live_abc1....".
func (s Secret) Hint() string {
	text := s.Reveal()
	if len(text) < prefixLen {
		return "...."
	}
	return text[:prefixLen] + "...."
}

// Digest is what is stored of the key.
func (s Secret) Digest() Digest { return sha256.Sum256([]byte(s.Reveal())) }

// String is the hint.
func (s Secret) String() string { return s.Hint() }

// GoString is the hint, for %#v.
func (s Secret) GoString() string { return "token.Secret(" + s.Hint() + ")" }

// Format is the hint for every verb, so that %x or %d cannot reach the text by reflection.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.Hint())) }

// MarshalText is the hint, for encoding/json and its like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.Hint()), nil }

// LogValue is the hint, for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.Hint()) }

// Digest is the SHA-256 of a key's text. A fast hash suffices: the text has 178 random bits.
type Digest [32]byte

// GormDataType keeps the digest as bytes.
func (Digest) GormDataType() string { return "bytes" }

// Value stores the digest as 32 bytes.
func (d Digest) Value() (driver.Value, error) { return d[:], nil }

// Scan reads what Value stored.
func (d *Digest) Scan(value any) error {
	stored, ok := value.([]byte)
	if !ok || len(stored) != len(d) {
		return fmt.Errorf("scan digest: unexpected %T", value)
	}
	copy(d[:], stored)
	return nil
}
