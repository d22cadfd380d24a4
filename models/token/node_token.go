package token

import "crypto/rand"

const (
	nodeTokenPrefix = "skn_"
	nodeRandomLen   = 26 // characters of rand.Text, with 130 bits
)

// NewNodeToken creates the credential of a node: "skn_", 26 random characters, and a checksum of everything
// before it. It can't be mistaken for an API key.
func NewNodeToken() Secret {
	text := nodeTokenPrefix + rand.Text()
	sum := checksum(text)
	return SecretOf(text + string(sum[:]))
}

// ParseNodeToken returns the digest of the credential of a node. It checks only the shape and the checksum.
func ParseNodeToken(text string) (Digest, error) {
	end := len(nodeTokenPrefix) + nodeRandomLen
	if len(text) != end+checksumLen || text[:len(nodeTokenPrefix)] != nodeTokenPrefix {
		return Digest{}, ErrMalformed
	}
	if sum := checksum(text[:end]); string(sum[:]) != text[end:] {
		return Digest{}, ErrMalformed
	}
	return SecretOf(text).Digest(), nil
}
