package models

import "crypto/sha256"

// digestOf returns the hash that is stored in place of a random token, such as a session ID.
func digestOf(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
