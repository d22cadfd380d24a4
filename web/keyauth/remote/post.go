package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/keyauth/remote/wire"
)

// nothing is a response without content.
type nothing struct{}

// requestTimeout limits a request and its response. It is longer than a request for changes waits.
const requestTimeout = 20 * time.Second

// post sends a request to the server and returns its response.
func post[Out any](ctx context.Context, s *Source, path string, in any) (out Out, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("encode the request: %w", err)
	}
	status, answer, err := s.send(ctx, path, body)
	s.failing.Store(err != nil || isOutage(status))
	if err != nil {
		s.client.CloseIdleConnections() // those may be broken, too
		return out, &unreachableError{err}
	}
	s.observeCredential(status)
	if status != http.StatusOK {
		return out, rejection(status, answer)
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return out, fmt.Errorf("decode the server's response: %w", err)
	}
	return out, nil
}

// send sends a request. It returns an error unless a server of a known version has responded.
func (s *Source) send(ctx context.Context, path string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.credential.Reveal())
	request.Header.Set("Content-Type", "application/json")
	if path != wire.Register { // which takes each ID once
		request.Header["Idempotency-Key"] = nil // not sent; lets the client repeat the request if the server has just closed the connection
	}
	response, err := s.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(response.Body, wire.MaxResponse+1))
	switch {
	case err != nil:
		return 0, nil, err
	case len(answer) > wire.MaxResponse:
		return 0, nil, errors.New("the response is too large")
	case response.Header.Get(wire.Header) != wire.Version:
		return 0, nil, fmt.Errorf("a response with status %d is not from a SkipUp Keys server that supports nodes; check the URL and its version", response.StatusCode)
	}
	return response.StatusCode, answer, nil
}

// observeCredential logs when the server begins or ceases to reject the credential.
func (s *Source) observeCredential(status int) {
	rejected := status == http.StatusUnauthorized
	if s.rejected.Swap(rejected) == rejected {
		return
	}
	if rejected {
		s.log.Error(`the server rejects the credential of this node, which may have been revoked; keys are rejected with 503 once the lease ends. Create a new one with "skipup nodes token create"`)
		return
	}
	s.log.Info("the server accepts the credential of this node again")
}

// unreachableError means that no server has responded.
type unreachableError struct{ err error }

func (e *unreachableError) Error() string { return "ask the server: " + e.err.Error() }

func (e *unreachableError) Unwrap() error { return e.err }

// OutageCause tells clients what is unavailable.
func (*unreachableError) OutageCause() string {
	return "We can't reach the server that knows the API keys."
}

// rejectedError is a response other than 200.
type rejectedError struct {
	status  int
	message string
}

func (e *rejectedError) Error() string {
	return fmt.Sprintf("the server responded with status %d: %s", e.status, e.message)
}

// OutageCause tells clients what is unavailable.
func (*rejectedError) OutageCause() string {
	return "The server that knows the API keys is unavailable."
}

// isPermanent reports whether the same request would be rejected again.
func (e *rejectedError) isPermanent() bool {
	return slices.Contains([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}, e.status)
}

// rejection returns the error for a response other than 200.
func rejection(status int, answer []byte) error {
	var body struct {
		Error struct{ Type, Message string }
	}
	_ = json.Unmarshal(answer, &body) // the status says enough
	if status == http.StatusGone && body.Error.Type == wire.NodeRemoved {
		return models.ErrNodeRemoved
	}
	rejected := &rejectedError{status, body.Error.Message}
	if isOutage(status) {
		return &keyauth.UnavailableError{Err: rejected}
	}
	return rejected
}

// isOutage reports whether the same request may succeed later.
func isOutage(status int) bool {
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests
}
