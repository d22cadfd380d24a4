// Package token creates, recognizes, and redacts the text of API keys.
//
// A key is a prefix, "_", the mode, "_", 30 random base62 characters (178 bits) and 6 base62
// characters of CRC-32: 44 characters with the prefix "sk". The checksum covers everything before it.
// Only in keys with the prefix "sk", which came first, it covers just the random characters. With the
// checksum, mistyped and invented keys are rejected without a lookup, and scanners find keys with any
// prefix without false positives.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"hash/crc32"
)

// Mode distinguishes live keys from test keys. Each workspace has one.
type Mode string

// The two modes.
const (
	Live Mode = "live"
	Test Mode = "test"
)

// DefaultPrefix is the prefix of keys unless the operator has chosen another.
const DefaultPrefix = "sk"

// The length of a prefix.
const (
	MinPrefix = 2
	MaxPrefix = 20
)

const (
	randomLen     = 30
	checksumLen   = 6
	bodyLen       = randomLen + checksumLen
	middleLen     = len("_live_")
	minLen        = MinPrefix + middleLen + bodyLen
	maxLen        = MaxPrefix + middleLen + bodyLen
	hintLen       = 4  // random characters of a key that may be shown
	secretHintLen = 12 // characters of another secret that may be shown
	alphabet      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	unbiasedSpan  = 256 - 256%len(alphabet)
)

// ErrMalformed reports a text that cannot be a key.
var ErrMalformed = errors.New("not an API key")

// New creates a key of a mode with the default prefix.
func New(mode Mode) Secret { return NewWithPrefix(DefaultPrefix, mode) }

// NewWithPrefix creates a key of a mode from the secure random source of the system. The prefix must be
// valid; see IsPrefix.
func NewWithPrefix(prefix string, mode Mode) Secret {
	key := make([]byte, 0, maxLen)
	key = append(append(append(append(key, prefix...), '_'), mode...), '_')
	var pool [2 * randomLen]byte
	for left := randomLen; left > 0; {
		_, _ = rand.Read(pool[:]) // never fails; crypto/rand crashes the program instead
		for _, b := range pool {
			// Bytes above the last multiple of 62 would favor the first characters.
			if int(b) < unbiasedSpan && left > 0 {
				key = append(key, alphabet[int(b)%len(alphabet)])
				left--
			}
		}
	}
	sum := checksum(covered(string(key)))
	text := string(append(key, sum[:]...))
	return Secret{&text}
}

// IsPrefix reports whether keys can have a prefix: lowercase letters and digits, starting with a letter.
func IsPrefix(prefix string) bool {
	if len(prefix) < MinPrefix || len(prefix) > MaxPrefix || prefix[0] <= '9' {
		return false
	}
	for i := range len(prefix) {
		if !isPrefixByte(prefix[i]) {
			return false
		}
	}
	return true
}

// Parse returns the digest of a key of either mode with any prefix. It checks only the shape and
// the checksum. It allocates nothing, and its time doesn't grow with texts that are too long.
func Parse(text string) (Digest, error) {
	if !isKey(text) {
		return Digest{}, ErrMalformed
	}
	return digestOf(text), nil
}

// ModeOf returns the mode of a key, given a text that Parse accepts.
func ModeOf(key string) Mode {
	at := len(key) - bodyLen
	return Mode(key[at-middleLen+1 : at-1])
}

// isKey reports whether text has the shape of a key and ends in its checksum.
func isKey(text string) bool {
	at := bodyAt(text)
	if at == 0 {
		return false
	}
	end := len(text) - checksumLen
	for i := at; i < end; i++ {
		if !isBase62(text[i]) {
			return false
		}
	}
	want := checksum(covered(text[:end]))
	return string(want[:]) == text[end:]
}

// bodyAt returns the index of the random characters in a text that begins like a key and has the length
// of one; otherwise 0.
func bodyAt(text string) int {
	if len(text) < minLen || len(text) > maxLen {
		return 0
	}
	at := len(text) - bodyLen
	prefix, middle := text[:at-middleLen], text[at-middleLen:at]
	if middle != "_live_" && middle != "_test_" || !IsPrefix(prefix) {
		return 0
	}
	return at
}

// covered returns the part of a key without its checksum that the checksum covers.
func covered(key string) string {
	if key[:len(DefaultPrefix)+1] == DefaultPrefix+"_" {
		return key[len(key)-randomLen:]
	}
	return key
}

// digestOf returns the digest of a key.
func digestOf(key string) Digest {
	var whole [maxLen]byte // on the stack, unlike a conversion to a slice
	return sha256.Sum256(whole[:copy(whole[:], key)])
}

func isPrefixByte(b byte) bool { return '0' <= b && b <= '9' || 'a' <= b && b <= 'z' }

// inAlphabet has the characters of alphabet. Comparisons would be branches that a processor can't predict for
// random characters, and would take longer than SHA-256.
var inAlphabet = func() (in [256]bool) {
	for i := range len(alphabet) {
		in[alphabet[i]] = true
	}
	return in
}()

func isBase62(b byte) bool { return inAlphabet[b] }

// checksum computes CRC-32 byte by byte, because crc32.ChecksumIEEE moves its argument to the heap.
func checksum(text string) [checksumLen]byte {
	rest := ^uint32(0)
	for i := range len(text) {
		rest = crc32.IEEETable[byte(rest)^text[i]] ^ rest>>8
	}
	rest = ^rest
	var sum [checksumLen]byte
	for i := checksumLen - 1; i >= 0; i-- {
		sum[i] = alphabet[rest%uint32(len(alphabet))]
		rest /= uint32(len(alphabet))
	}
	return sum
}
