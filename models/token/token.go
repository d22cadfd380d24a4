// Package token is the text of an API key: how it is made, recognised and shown.
//
// A key is "sk_", the environment, "_", 30 random base62 characters (178 bits) and 6 base62
// characters of CRC-32 over those 30: 44 characters. The checksum lets a mistyped or invented
// key be refused without a look-up, and lets a scanner tell a key from a look-alike.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
)

// Environment is the word in a key that tells live keys from test keys. A deployment has one.
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

// ErrMalformed is the error of a text that cannot be a key of this environment.
var ErrMalformed = errors.New("not an API key")

// ParseEnvironment finds the environment of a word.
func ParseEnvironment(word string) (Environment, error) {
	switch env := Environment(word); env {
	case Live, Test:
		return env, nil
	}
	return "", fmt.Errorf("the key environment must be %q or %q", Live, Test)
}

// New makes a key of env from the system's secure random source.
func New(env Environment) Secret {
	body := make([]byte, 0, bodyLen)
	var pool [2 * randomLen]byte
	for len(body) < randomLen {
		_, _ = rand.Read(pool[:]) // never fails: crypto/rand ends the program instead
		for _, b := range pool {
			// The bytes above the last whole multiple of 62 would favour the first characters.
			if int(b) < unbiasedSpan && len(body) < randomLen {
				body = append(body, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	sum := checksum(string(body))
	text := scheme + string(env) + "_" + string(body) + string(sum[:])
	return Secret{&text}
}

// Parse recognises the text of a key of env by shape and checksum alone and returns its
// digest. It allocates nothing, and reads no more than Len bytes of text however long it is.
func Parse(env Environment, text string) (Digest, error) {
	if !HasShape(env, text) || !HasChecksum(text) {
		return Digest{}, ErrMalformed
	}
	return DigestOf(text), nil
}

// HasShape reports whether text has the length and the beginning of a key of env.
func HasShape(env Environment, text string) bool {
	if len(text) != Len || text[:len(scheme)] != scheme {
		return false
	}
	rest := text[len(scheme):]
	return rest[:len(env)] == string(env) && rest[len(env)] == '_'
}

// HasChecksum reports whether text, which has the shape of a key, ends in the checksum of the
// characters before it.
func HasChecksum(text string) bool {
	random, sum := text[Len-bodyLen:Len-checksumLen], text[Len-checksumLen:]
	for i := range len(random) {
		if !isBase62(random[i]) {
			return false
		}
	}
	want := checksum(random)
	return string(want[:]) == sum
}

// DigestOf is the digest of a text that has the shape of a key.
func DigestOf(text string) Digest {
	var whole [Len]byte // on the stack, where a conversion to a slice would not be
	copy(whole[:], text)
	return sha256.Sum256(whole[:])
}

func isBase62(b byte) bool {
	return '0' <= b && b <= '9' || 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z'
}

// checksum works CRC-32 out byte by byte: crc32.ChecksumIEEE would move its argument to the heap.
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
