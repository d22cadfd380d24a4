// Package keyauth decides whether a request may pass: it recognises the key in the request's
// header, finds what it may do, and says why it refuses.
package keyauth

import (
	"errors"
	"fmt"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// The refusals of a request's credentials. A client reads the same words for both; only the
// challenge differs (RFC 6750 §3.1: no error code where no bearer credentials were sent).
var (
	ErrMissing = errors.New("no API key was sent")
	ErrInvalid = errors.New("the API key is malformed, unknown, deleted or expired")
)

// DeadError is the refusal of a key that is deleted or expired. To whoever sent it, it is
// ErrInvalid like any other.
type DeadError struct {
	Key   Key
	State models.KeyState
}

func (e *DeadError) Error() string { return "the API key is " + string(e.State) }

// Is makes it an ErrInvalid.
func (e *DeadError) Is(target error) bool { return target == ErrInvalid }

// ScopeError is the refusal of a key that is good but lacks a scope.
type ScopeError struct {
	Key   Key
	Scope scope.Scope
}

func (e *ScopeError) Error() string { return "the API key lacks the scope " + e.Scope.String() }

// UnavailableError says that the store could not be asked, so that nothing is known of the key.
type UnavailableError struct{ Err error }

func (e *UnavailableError) Error() string { return fmt.Sprintf("verify API key: %v", e.Err) }

// Unwrap is the error of the store.
func (e *UnavailableError) Unwrap() error { return e.Err }

func isUnavailable(err error) bool {
	unavailable := new(UnavailableError)
	return errors.As(err, &unavailable)
}
