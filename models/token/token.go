// Package token creates, recognizes, and redacts the text of API keys.
//
// A key is "sk_", the environment, "_", 30 random base62 characters (178 bits) and 6 base62
// characters of CRC-32 over those 30: 44 characters. With the checksum, mistyped and invented keys
// are rejected without a lookup, and scanners find keys without false positives.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
)

// Environment distinguishes live keys from test keys. A deployment has one.
type Environment string

// The two environments.
const (
	Live Environment = "live"
	Test Environment = "test"
)

const (
	scheme       = "sk_"
	randomLen    = 30
	checksumLen  = 6
	bodyLen      = randomLen + checksumLen
	prefixLen    = 12 // characters of a key that may be shown
	alphabet     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	unbiasedSpan = 256 - 256%len(alphabet)
)

// Len is the length of every key in bytes.
const Len = len(scheme) + len(Live) + 1 + bodyLen

// ErrMalformed reports a text that cannot be a key of the environment.
var ErrMalformed = errors.New("not an API key")

// ParseEnvironment returns the environment with a name.
func ParseEnvironment(name string) (Environment, error) {
	switch env := Environment(name); env {
	case Live, Test:
		return env, nil
	}
	return "", fmt.Errorf("the key environment must be %q or %q", Live, Test)
}

// New creates a key of env from the secure random source of the system.
func New(env Environment) Secret {
	body := make([]byte, 0, bodyLen)
	var pool [2 * randomLen]byte
	for len(body) < randomLen {
		_, _ = rand.Read(pool[:]) // never fails; crypto/rand crashes the program instead
		for _, b := range pool {
			// Bytes above the last multiple of 62 would favor the first characters.
			if int(b) < unbiasedSpan && len(body) < randomLen {
				body = append(body, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	sum := checksum(string(body))
	text := scheme + string(env) + "_" + string(body) + string(sum[:])
	return Secret{&text}
}

// Parse returns the digest of a key of env. It checks only the shape and the checksum. It allocates
// nothing, and reads at most Len bytes of text.
func Parse(env Environment, text string) (Digest, error) {
	if !hasShape(env, text) || !hasChecksum(text) {
		return Digest{}, ErrMalformed
	}
	return digestOf(text), nil
}

// hasShape reports whether text has the length and the prefix of a key of env.
func hasShape(env Environment, text string) bool {
	if len(text) != Len || text[:len(scheme)] != scheme {
		return false
	}
	rest := text[len(scheme):]
	return rest[:len(env)] == string(env) && rest[len(env)] == '_'
}

// hasChecksum reports whether text, which must have the shape of a key, ends in its checksum.
func hasChecksum(text string) bool {
	random, sum := text[Len-bodyLen:Len-checksumLen], text[Len-checksumLen:]
	for i := range len(random) {
		if !isBase62(random[i]) {
			return false
		}
	}
	want := checksum(random)
	return string(want[:]) == sum
}

// digestOf returns the digest of a text that has the shape of a key.
func digestOf(text string) Digest {
	var whole [Len]byte // on the stack, unlike a conversion to a slice
	copy(whole[:], text)
	return sha256.Sum256(whole[:])
}

func isBase62(b byte) bool {
	return '0' <= b && b <= '9' || 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z'
}

// checksum computes CRC-32 byte by byte, because crc32.ChecksumIEEE moves its argument to the heap.
func checksum(random string) [checksumLen]byte {
	rest := ^uint32(0)
	for i := range len(random) {
		rest = crc32.IEEETable[byte(rest)^random[i]] ^ rest>>8
	}
	rest = ^rest
	var sum [checksumLen]byte
	for i := checksumLen - 1; i >= 0; i-- {
		sum[i] = alphabet[rest%uint32(len(alphabet))]
		rest /= uint32(len(alphabet))
	}
	return sum
}
