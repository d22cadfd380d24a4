package sso

import (
	"errors"
	"io"
	"net/http"
	"regexp"
)

// RejectedError says that the provider didn't sign anyone in, or that what it sent isn't valid.
type RejectedError struct {
	Code  string // of OAuth 2.0 (RFC 6749 §4.1.2.1 and §5.2); may be empty
	cause error
}

func (e *RejectedError) Error() string {
	if e.Code != "" {
		return e.cause.Error() + ": " + e.Code
	}
	return e.cause.Error()
}

// Unwrap returns the cause.
func (e *RejectedError) Unwrap() error { return e.cause }

// errorCode matches the error codes of OAuth 2.0 and OpenID Connect.
var errorCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// knownCode returns an error code that is safe to log, or "" if it can't be one.
func knownCode(code string) string { return errorCode.FindString(code) }

func rejected(message string) error { return &RejectedError{cause: errors.New(message)} }

// limited limits the size of responses to maxResponse.
type limited struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.RoundTripper.RoundTrip(r)
	if err == nil {
		response.Body = limitedBody{io.LimitReader(response.Body, maxResponse), response.Body}
	}
	return response, err
}

type limitedBody struct {
	io.Reader
	io.Closer
}
