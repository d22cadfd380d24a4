package keyauth

import (
	"strings"

	"github.com/skipup/keys/models/token"
)

// Parse returns the digest of the key in the Authorization headers of a request. If there is none,
// the error is ErrMissing; if it cannot be a key, it is ErrInvalid.
func (v *Verifier) Parse(authorization []string) (token.Digest, error) {
	text, err := Bearer(authorization)
	if err != nil {
		return token.Digest{}, err
	}
	digest, err := token.Parse(text)
	if err != nil {
		return token.Digest{}, ErrInvalid
	}
	return digest, nil
}

// Bearer returns the token of the only Authorization header. The name of the scheme is
// case-insensitive (RFC 9110 §11.1). Several headers are rejected because they are ambiguous.
func Bearer(authorization []string) (string, error) {
	if len(authorization) == 0 || len(authorization) == 1 && authorization[0] == "" {
		return "", ErrMissing
	}
	if len(authorization) > 1 {
		return "", ErrInvalid
	}
	scheme, text, _ := strings.Cut(authorization[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ErrMissing
	}
	return strings.TrimLeft(text, " "), nil
}
