// Package keyauth decides whether a request may pass: it recognises the key in the request's
// header, finds what it may do, and says why it refuses.
package keyauth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

// The refusals of a request's credentials. A client reads the same words for both; only the
// challenge differs (RFC 6750 §3.1: no error code where no bearer credentials were sent).
var (
	ErrMissing = errors.New("no API key was sent")
	ErrInvalid = errors.New("the API key is malformed, unknown, deleted or expired")
)

// ScopeError is the refusal of a key that is good but lacks a scope.
type ScopeError struct{ Scope scope.Scope }

func (e *ScopeError) Error() string { return "the API key lacks the scope " + e.Scope.String() }

// UnavailableError says that the store could not be asked, so that nothing is known of the key.
type UnavailableError struct{ Err error }

func (e *UnavailableError) Error() string { return fmt.Sprintf("verify API key: %v", e.Err) }

// Unwrap is the error of the store.
func (e *UnavailableError) Unwrap() error { return e.Err }

// Verifier verifies keys against a Store.
type Verifier struct {
	store *models.Store
	now   func() time.Time
}

// New returns a Verifier that reads store.
func New(store *models.Store) *Verifier {
	return &Verifier{store: store, now: store.Now}
}

// Verify returns the key that the values of a request's Authorization headers name, if
// requests with it are accepted now. Otherwise the error is ErrMissing, ErrInvalid or an
// *UnavailableError. What cannot be a key is refused without asking the store.
func (v *Verifier) Verify(ctx context.Context, authorization []string) (*models.APIKey, error) {
	text, err := bearer(authorization)
	if err != nil {
		return nil, err
	}
	digest, err := token.Parse(v.store.KeyEnvironment(), text)
	if err != nil {
		return nil, ErrInvalid
	}
	key, err := v.store.APIKeyByDigest(ctx, digest)
	switch {
	case models.IsKind(err, models.NotFound):
		return nil, ErrInvalid
	case err != nil:
		return nil, &UnavailableError{Err: err}
	case !key.AcceptedAt(v.now()):
		return nil, ErrInvalid
	}
	return key, nil
}

// RequireScope is a *ScopeError unless key holds s.
func RequireScope(key *models.APIKey, s scope.Scope) error {
	if !key.Scopes.Has(s) {
		return &ScopeError{Scope: s}
	}
	return nil
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
