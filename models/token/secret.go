package token

import (
	"crypto/sha256"
	"database/sql/driver"
	"fmt"
	"log/slog"
)

// Secret holds the text of a key. Printing, logging, or encoding it gives only its hint; only Reveal
// returns the text. The text is behind a pointer because fmt prints unexported fields by reflection,
// without calling their methods.
type Secret struct{ text *string }

// Reveal returns the text of the key, to be shown to its owner once.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Hint returns the part of the key that may be shown, such as "sk_live_abc1....".
func (s Secret) Hint() string {
	text := s.Reveal()
	shown := secretHintLen
	if at := bodyAt(text); at > 0 {
		shown = at + hintLen
	}
	if len(text) < shown {
		return "...."
	}
	return text[:shown] + "...."
}

// Digest returns the digest under which the key is stored.
func (s Secret) Digest() Digest { return sha256.Sum256([]byte(s.Reveal())) }

// String returns the hint.
func (s Secret) String() string { return s.Hint() }

// GoString returns the hint, for %#v.
func (s Secret) GoString() string { return "token.Secret(" + s.Hint() + ")" }

// Format writes the hint for every verb, so that %x or %d cannot reach the text by reflection.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.Hint())) }

// MarshalText returns the hint, for encoding/json and similar packages.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.Hint()), nil }

// LogValue returns the hint, for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.Hint()) }

// Digest is the SHA-256 of a key. A fast hash is sufficient because a key has 178 random bits.
type Digest [32]byte

// GormDataType returns the column type for GORM.
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
