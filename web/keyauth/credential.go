package keyauth

import (
	"strings"

	"github.com/skipup/keys/models/token"
)

// Credential is what a request carries that may be the text of a key. It may still have a wrong
// checksum: if its digest is that of a key in memory it has not, and before the store is asked it
// is checked.
type Credential struct {
	text   string
	place  uint64 // where the cache looks for it
	digest token.Digest
	worked bool // the digest is worked out
}

// Parse is the credential in the values of a request's Authorization headers, or ErrMissing or
// ErrInvalid.
func (v *Verifier) Parse(authorization []string) (Credential, error) {
	text, err := bearer(authorization)
	if err != nil {
		return Credential{}, err
	}
	if !token.HasShape(v.store.KeyEnvironment(), text) {
		return Credential{}, ErrInvalid
	}
	place := placeOf(text)
	v.cache.expect(place)
	return Credential{text: text, place: place}, nil
}

// HasChecksum reports whether the checksum is right. A key in memory need not be asked for it.
func (c *Credential) HasChecksum() bool { return token.HasChecksum(c.text) }

// workOut sees to the digest, which takes as long as getting the entry from memory.
func (v *Verifier) workOut(c *Credential) {
	if !c.worked {
		v.cache.expectEntry(c.place)
		c.digest, c.worked = token.DigestOf(c.text), true
	}
}

// bearer is the token of one Authorization header of the Bearer scheme, whose name is
// case-insensitive (RFC 9110 §11.1). Two headers are never a choice.
func bearer(authorization []string) (string, error) {
	const scheme = "Bearer"
	if len(authorization) == 0 || len(authorization) == 1 && authorization[0] == "" {
		return "", ErrMissing
	}
	if len(authorization) > 1 {
		return "", ErrInvalid
	}
	value := authorization[0]
	if text, usual := strings.CutPrefix(value, scheme+" "); usual && text != "" && text[0] != ' ' {
		return text, nil
	}
	if len(value) < len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return "", ErrMissing
	}
	rest := value[len(scheme):]
	text := strings.TrimLeft(rest, " ")
	switch {
	case rest != "" && rest[0] != ' ':
		return "", ErrMissing // another scheme that begins alike
	case text == "":
		return "", ErrInvalid
	}
	return text, nil
}
